"""Check that each class name has one meaning: no two modules of the packages define a class of the same name."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def classes(source: str) -> Iterator[tuple[str, int]]:
    """Yield the name and line of each class of a module, including nested ones."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno


def duplicates(modules: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line per class name that is defined more than once; modules are pairs of path and source."""
    places = defaultdict(list)
    for path, source in modules:
        for name, line in classes(source):
            places[name].append(f"{path}:{line}")
    return [f"class {name} is defined {len(found)} times: {', '.join(found)}"
            for name, found in sorted(places.items()) if len(found) > 1]  # fmt: skip


def main() -> int:
    """Return the exit status for all packages."""
    files = sorted(ROOT.glob("*/src/**/*.py"))
    problems = duplicates((str(file.relative_to(ROOT)), file.read_text()) for file in files)
    for problem in problems:
        print(problem)
    if problems:
        print("Remedy: rename all but one of these classes")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
