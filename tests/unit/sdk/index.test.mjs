/** What applications import from the package, as its package.json says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const root = `${process.env.SDK}/..`;
const { exports } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));

test("each entry exports what the how-to imports", async () => {
  const named = async (entry) => Object.keys(await import(`${root}/${exports[entry]}`)).sort();
  assert.deepEqual(await named("."), ["Switchboard", "checkAll"]);
  assert.deepEqual(await named("./react"), ["bindReact"]);
});
