"""Node.js and the pinned npm packages (requirements/npm) that the SDK's tools and tests use."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PINS: Final = ROOT / "requirements" / "npm"
FOLDER: Final = ROOT / "build" / "npm"
FILES: Final = ("package.json", "package-lock.json", ".npmrc")
INSTALL_SECONDS: Final = 300
RUN_SECONDS: Final = 120


def program(name: str) -> str:
    """Return the path of `node` or `npm`; exit with the remedy if it is not installed."""
    found = shutil.which(name)
    if not found:
        raise SystemExit(f"{name} is not on PATH. Remedy: install Node.js 20.19 or newer")
    return found


def run(argv: list[str], cwd: Path, seconds: float = RUN_SECONDS) -> str:
    """Run a command and return its standard output; exit with its whole output if it fails."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(argv)} failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def npm_packages() -> Path:
    """Install the pinned packages into build/npm if they are missing or outdated; return the folder `node_modules`."""
    stamp = FOLDER / "installed-lock.json"
    lock = (PINS / "package-lock.json").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != lock:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(PINS / name, FOLDER)
        run([program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], FOLDER, INSTALL_SECONDS)
        stamp.write_bytes(lock)
    return FOLDER / "node_modules"


def tool(package: str, script: str, *arguments: str, cwd: Path = ROOT) -> str:
    """Run a script of a pinned package with Node.js and return its standard output; exit if it fails."""
    return run([program("node"), str(npm_packages() / package / script), *arguments], cwd)
