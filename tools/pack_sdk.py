"""Pack the browser SDK as an npm package, with the types that tsc makes from its JSDoc comments (`make sdk`)."""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.npm import ROOT, npm_packages, program, run

SDK: Final = ROOT / "sdk"
DESTINATION: Final = ROOT / "build" / "sdk"


def stage(folder: Path) -> Path:
    """Copy the SDK into a folder, together with the pinned compiler; return the copy.

    npm writes the types into the package's folder, where concurrent tests must not see incomplete files.
    """
    copy = folder / "sdk"
    shutil.copytree(SDK, copy, ignore=shutil.ignore_patterns("dist", "node_modules"))
    (copy / "node_modules").symlink_to(npm_packages())
    return copy


def pack(destination: Path) -> Path:
    """Check the types, build the declarations, and return the package (`.tgz`); exit if a type is wrong."""
    destination.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        argv = [program("npm"), "pack", "--json", "--pack-destination", str(destination.resolve())]
        [packed] = json.loads(run(argv, stage(Path(temporary))))
    return destination / str(packed["filename"])


def main() -> int:
    """Pack into build/sdk, or into the folder given, and print the path of the package."""
    print(pack(Path(sys.argv[1]) if sys.argv[1:] else DESTINATION))
    return 0


if __name__ == "__main__":
    sys.exit(main())
