/**
 * Prints the SDK's reference as JSON, from the types of its public API: {page, tables}, where `tables` has the table of
 * each object type by its name. Arguments: the folder `node_modules` with TypeScript, and the SDK's folder.
 *
 * Fails on a public type that contains `any`, and on a public name without a description.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, sdk] = process.argv.slice(2);
const ts = createRequire(`${modules}/`)("typescript");
const { PROBLEM_CODES, problemOf } = await import(pathToFileURL(join(sdk, "src", "problems.js")));

const { config } = ts.readConfigFile(join(sdk, "tsconfig.json"), ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, sdk);
options.paths = { react: [join(modules, "@types", "react")] };
const files = { "switchboard-webrtc": "index.js", "switchboard-webrtc/react": "react.js" };
const program = ts.createProgram(Object.values(files).map((name) => join(sdk, "src", name)), options);
const checker = program.getTypeChecker();

const FLAGS = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;
const HEADS = { SwitchboardEvents: ["Event", "`detail`", "When"] };

/** The type as text. */
function textOf(type) {
  const text = checker.typeToString(type, undefined, FLAGS);
  if (/\bany\b/u.test(text)) throw new Error(`a public type contains any: ${text}`);
  return text;
}

function docOf(symbol) {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  if (!text) throw new Error(`${symbol.name} has no description`);
  return text;
}

const cell = (text) => text.replaceAll(/\s*\n\s*/gu, " ").replaceAll("|", "\\|");
const row = (...cells) => `| ${cells.map(cell).join(" | ")} |`;
const table = (heads, rows) => [row(...heads), row(...heads.map(() => "---")), ...rows].join("\n");

/** A table of the properties of an object type. Their types are as they were written, with the names of aliases. */
function objectTable(type, heads) {
  return table(heads, type.getProperties().map((symbol) => {
    textOf(checker.getTypeOfSymbol(symbol));
    const text = symbol.valueDeclaration.typeExpression.type.getText().replaceAll(/import\([^)]*\)\./gu, "");
    return row(`\`${symbol.name}${symbol.flags & ts.SymbolFlags.Optional ? "?" : ""}\``, `\`${text}\``, docOf(symbol));
  }));
}

function signatureOf(signature) {
  const parameters = signature.getParameters().map((symbol) => {
    const declaration = symbol.valueDeclaration;
    const optional = checker.isOptionalParameter(declaration);
    const type = checker.getTypeOfSymbol(symbol);
    const name = ts.isIdentifier(declaration.name) ? symbol.name : nameOfParameter(declaration);
    return `${name}${optional ? "?" : ""}: ${textOf(optional ? checker.getNonNullableType(type) : type)}`;
  });
  return { parameters: parameters.join(", "), result: textOf(signature.getReturnType()) };
}

/** A parameter that is destructured has its name in its JSDoc comment only. */
const nameOfParameter = (declaration) => ts.getJSDocParameterTags(declaration)[0].name.getText();

const isPublic = (symbol) => {
  const [declaration] = symbol.declarations ?? [];
  return declaration && !ts.isPrivateIdentifier(declaration.name ?? declaration) && !symbol.name.startsWith("__") &&
    !(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.NonPublicAccessibilityModifier) &&
    declaration.getSourceFile().fileName.startsWith(sdk);
};

function classSection(symbol) {
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  const [construct] = checker.getTypeOfSymbol(symbol).getConstructSignatures();
  const members = type.getProperties().filter(isPublic).filter(({ name }) => !name.endsWith("EventListener"));
  const methods = members.filter(({ flags }) => flags & ts.SymbolFlags.Method);
  const fields = members.filter((member) => !methods.includes(member));
  return [
    docOf(symbol),
    `\`new ${symbol.name}(${signatureOf(construct).parameters})\``,
    table(["Method", "Effect"], methods.map((member) => {
      const [signature] = checker.getTypeOfSymbol(member).getCallSignatures();
      const { parameters, result } = signatureOf(signature);
      return row(`\`${member.name}(${parameters})\`${result === "void" ? "" : `: \`${result}\``}`, docOf(member));
    })),
    table(["Property", "Type", "Meaning"], fields.map((member) => {
      const readonly = member.flags & ts.SymbolFlags.GetAccessor && !(member.flags & ts.SymbolFlags.SetAccessor);
      const name = `\`${member.name}\`${readonly ? " (read-only)" : ""}`;
      return row(name, `\`${textOf(checker.getTypeOfSymbol(member))}\``, docOf(member));
    })),
  ];
}

function functionSection(symbol) {
  const [signature] = checker.getTypeOfSymbol(symbol).getCallSignatures();
  const { parameters, result } = signatureOf(signature);
  return [`\`${symbol.name}(${parameters}): ${result}\``, docOf(symbol)];
}

function problemTable() {
  const rows = PROBLEM_CODES.map(problemOf).map(({ code, message, remedy, action, fatal }) =>
    row(`\`${code}\``, message, remedy, `\`${action}\``, fatal ? "yes" : "no"));
  return table(["Code", "Message", "Remedy", "Action", "Fatal"], rows);
}

const tables = {};

function typeSection(symbol) {
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  if (symbol.name === "ProblemCode") return [docOf(symbol), problemTable()];
  const [call] = type.getCallSignatures();
  if (call) {
    const { parameters, result } = signatureOf(call);
    return [docOf(symbol), `\`(${parameters}) => ${result}\``];
  }
  if (type.isUnion()) return [docOf(symbol), `\`${type.types.map((one) => textOf(one)).join(" | ")}\``];
  tables[symbol.name] = objectTable(type, HEADS[symbol.name] ?? ["Field", "Type", "Meaning"]);
  return [docOf(symbol), tables[symbol.name]];
}

/** An entry only names its types again: return the definition, which has the description. */
function definitionOf(symbol) {
  if (symbol.flags & ts.SymbolFlags.Alias) return definitionOf(checker.getAliasedSymbol(symbol));
  const node = symbol.declarations[0].typeExpression?.type;
  return node && ts.isImportTypeNode(node) ? definitionOf(checker.getSymbolAtLocation(node.qualifier)) : symbol;
}

function section(symbol) {
  const own = definitionOf(symbol);
  if (own.flags & ts.SymbolFlags.Class) return classSection(own);
  return own.flags & ts.SymbolFlags.TypeAlias ? typeSection(own) : functionSection(own);
}

const described = new Set();
const isType = (symbol) => Boolean(definitionOf(symbol).flags & ts.SymbolFlags.TypeAlias);
const parts = [];
for (const [entry, name] of Object.entries(files)) {
  const source = program.getSourceFile(join(sdk, "src", name));
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  parts.push(`## Module \`${entry}\``);
  for (const symbol of [...exported.filter((one) => !isType(one)), ...exported.filter(isType)]) {
    if (described.has(symbol.name)) continue;
    described.add(symbol.name);
    parts.push(`### ${symbol.name}`, ...section(symbol));
  }
}
const page = [
  "# Browser SDK",
  "Generated from the types in `sdk/src` by `make generate`: do not edit. How to: [embed calls](../how-to/embed-calls.md).",
  ...parts,
].join("\n\n");
console.log(JSON.stringify({ page: `${page}\n`, tables }));
