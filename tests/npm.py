"""The pinned npm packages that tests use: the type checker, the accessibility checker, React."""

import shutil
import subprocess
from pathlib import Path

from tests.node import node

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements" / "npm"
FOLDER = ROOT / "build" / "npm"
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_SECONDS = 300


def npm_packages() -> Path:
    """Install them into build/ unless they are there as pinned; returns the folder `node_modules`."""
    stamp = FOLDER / "installed-lock.json"
    lock = (PINS / "package-lock.json").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != lock:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(PINS / name, FOLDER)
        npm = shutil.which("npm")
        assert npm, "npm is not on PATH. Remedy: install Node.js 20.19 or newer"
        run = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        stamp.write_bytes(lock)
    return FOLDER / "node_modules"


def check_types(project: Path) -> None:
    """Check the types of a folder with a tsconfig.json; fails with what the checker printed."""
    compiler = npm_packages() / "typescript" / "bin" / "tsc"
    run = subprocess.run(
        [node(), str(compiler), "--project", str(project)], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
