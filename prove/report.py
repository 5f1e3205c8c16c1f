"""The reports of the proofs in build/prove/."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "build" / "prove"


def write(name: str, figures: dict[str, Any]) -> Path:
    """Write a proof's figures as JSON and return the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps(figures, indent=2) + "\n")
    return file


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
