"""The npm package, and the copy of the SDK in the signaling server's wheel."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.node import install
from tools.npm import program, run, tool
from tools.pack_sdk import pack

ROOT = Path(__file__).resolve().parents[3]
SDK = ROOT / "sdk"
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


def test_the_wheel_of_the_signaling_server_holds_a_copy(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(argv, cwd=ROOT / "signaling", capture_output=True, timeout=60, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        folder = "switchboard_signaling/web/sdk/"
        copies = {name.removeprefix(folder): archive.read(name) for name in archive.namelist() if folder in name}
    assert copies == {path.name: path.read_bytes() for path in (SDK / "src").iterdir()}
