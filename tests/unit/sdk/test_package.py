"""The npm package, and the copy of the SDK in the signaling server's wheel."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.node import check_types, install, readme_example
from tools.npm import program, run, tool
from tools.pack_sdk import pack

ROOT = Path(__file__).resolve().parents[3]
SDK = ROOT / "sdk"
SAMPLE = Path(__file__).with_name("sample")
PACKAGE = json.loads((SDK / "package.json").read_text())
PINNED = json.loads((ROOT / "requirements" / "npm" / "package.json").read_text())["devDependencies"]


def modules() -> set[str]:
    return {path.stem for path in (SDK / "src").glob("*.js")}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `make sdk` packs it; packing checks all types."""
    return pack(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def installed(packed: Path) -> Path:
    """The package's folder in a project that has installed it."""
    return install(packed, packed.parent / "project")


def test_it_has_the_version_and_license_of_the_python_packages() -> None:
    for path in ROOT.glob("*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        assert (PACKAGE["version"], PACKAGE["license"]) == (project["version"], project["license"]), path
    assert (SDK / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_it_is_built_with_the_pinned_compiler() -> None:
    needed: dict[str, str] = PACKAGE["devDependencies"]
    assert needed == {name: PINNED[name] for name in needed}


def test_it_holds_the_modules_and_their_types_and_nothing_else(installed: Path) -> None:
    found = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    types = {f"dist/types/{name}.d.ts{ending}" for name in modules() for ending in ("", ".map")}
    assert found == {
        *("package.json", "README.md", "CHANGELOG.md", "LICENSE"),
        *(f"src/{name}.js" for name in modules()),
        *(types - {"dist/types/protocol.d.ts.map"}),  # copied: it is generated as a declaration
    }


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("switchboard-webrtc", ["Switchboard", "runChecks"]),
        ("switchboard-webrtc/react", ["ConnectionQuality", "useWebRTC"]),
    ],
)
def test_each_entry_can_be_imported_without_a_browser(installed: Path, entry: str, names: list[str]) -> None:
    script = f"console.log(JSON.stringify(Object.keys(await import('{entry}')).sort()))"
    exported = run([program("node"), "--input-type=module", "--eval", script], installed.parents[1])
    assert json.loads(exported) == names


def test_publint_finds_nothing(packed: Path) -> None:
    assert "All good!" in tool("publint", "src/cli.js", "run", str(packed), "--strict")


def test_every_entry_has_types_for_bundlers_and_for_node(packed: Path) -> None:
    report = tool("@arethetypeswrong/cli", "dist/index.js", str(packed), "--profile", "esm-only")
    for entry in ("switchboard-webrtc", "switchboard-webrtc/react"):
        assert re.search(
            rf'"{entry}"\n\nnode16 \(from ESM\): \N{{LARGE GREEN CIRCLE}}.*\nbundler: \N{{LARGE GREEN CIRCLE}}', report
        ), report


@pytest.mark.parametrize(("module", "resolution"), [("esnext", "bundler"), ("nodenext", "nodenext")])
def test_an_application_in_strict_typescript_compiles(installed: Path, module: str, resolution: str) -> None:
    project = installed.parents[1]
    for name in ("page.ts", "component.tsx"):
        shutil.copy(SAMPLE / name, project)
    (project / "readme.ts").write_text(readme_example("ts"))
    (project / "package.json").write_text('{"type": "module"}')
    options = {
        "strict": True, "exactOptionalPropertyTypes": True, "noUnusedLocals": True, "skipDefaultLibCheck": True,
        "target": "es2023", "lib": ["es2023", "dom", "dom.iterable"], "types": [], "jsx": "react-jsx",
        "module": module, "moduleResolution": resolution, "noEmit": True,
    }  # fmt: skip
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts", "*.tsx"]}))
    check_types(project)


@pytest.mark.parametrize(("entry", "sample"), [("index", "page.ts"), ("react", "component.tsx")])
def test_the_sample_uses_every_export(installed: Path, entry: str, sample: str) -> None:
    types = (installed / "dist" / "types" / f"{entry}.d.ts").read_text()
    exported = re.findall(r"^export (?:type|const) (\w+)|^export \{ (\w+) \}", types, re.MULTILINE)
    [imported] = re.findall(r"import \{(.*?)\} from", (SAMPLE / sample).read_text(), re.DOTALL)
    used = {name.strip().removeprefix("type ") for name in imported.split(",") if name.strip()}
    assert used == {"".join(names) for names in exported}


def test_no_public_type_is_any(installed: Path) -> None:
    types = installed / "dist" / "types"
    files, found = [types / "index.d.ts", types / "react.d.ts"], set()
    while files:
        file = files.pop()
        if file in found:
            continue
        found.add(file)
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read_text(), flags=re.DOTALL)
        assert not re.search(r"\bany\b", text), file.name
        files += [types / f"{name}.d.ts" for name in re.findall(r'"\./([\w-]+)\.js"', text)]
    assert len(found) > 5


def test_the_readme_names_the_version() -> None:
    versions = set(re.findall(r"\b\d+\.\d+\.\d+\b", (SDK / "README.md").read_text()))
    assert versions == {PACKAGE["version"]}


def test_the_wheel_of_the_signaling_server_holds_a_copy(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(argv, cwd=ROOT / "signaling", capture_output=True, timeout=60, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        folder = "switchboard_signaling/web/sdk/"
        copies = {name.removeprefix(folder): archive.read(name) for name in archive.namelist() if folder in name}
    assert copies == {path.name: path.read_bytes() for path in (SDK / "src").iterdir()}
