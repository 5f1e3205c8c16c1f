"""The npm package, and the copy of the SDK in the signaling server's wheel."""

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SDK = ROOT / "sdk"
PACKAGE = json.loads((SDK / "package.json").read_text())


def modules() -> set[str]:
    return {path.name for path in (SDK / "src").iterdir()}


def test_it_has_the_version_and_license_of_the_python_packages() -> None:
    for path in ROOT.glob("*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        assert (PACKAGE["version"], PACKAGE["license"]) == (project["version"], project["license"]), path


def test_the_npm_package_holds_the_modules_and_nothing_else() -> None:
    npm = shutil.which("npm")
    assert npm, "npm is not on PATH. Remedy: install Node.js 20.19 or newer"
    argv = [npm, "pack", "--dry-run", "--json", "--ignore-scripts"]
    packed = subprocess.run(argv, cwd=SDK, capture_output=True, text=True, timeout=60, check=True)
    [package] = json.loads(packed.stdout)
    assert {file["path"] for file in package["files"]} == {
        "package.json", "README.md", *(f"src/{name}" for name in modules())
    }  # fmt: skip


def test_the_wheel_of_the_signaling_server_holds_a_copy(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(argv, cwd=ROOT / "signaling", capture_output=True, timeout=60, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        folder = "switchboard_signaling/web/sdk/"
        copies = {name.removeprefix(folder): archive.read(name) for name in archive.namelist() if folder in name}
    assert copies == {name: (SDK / "src" / name).read_bytes() for name in modules()}
