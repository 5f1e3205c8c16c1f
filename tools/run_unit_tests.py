"""Run the unit and property tests, and check that each pure module is covered completely by its own tests.

A module in `[tool.switchboard] pure` of pyproject.toml must be covered, lines and branches, by the tests that mirror
it: `switchboard_cluster.layout` by test_layout.py in tests/unit/cluster and in tests/property/cluster. Coverage by
other tests does not count, so the tests of a pure module are its whole specification.
"""

import io
import re
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parent.parent
SUITES = ("unit", "property")


def own_tests(module: str) -> list[str]:
    """Return the paths of the test modules that mirror a module; they may not exist."""
    package, *rest = module.removeprefix("switchboard_").split(".")
    return [str(Path("tests", suite, package, *rest[:-1], f"test_{rest[-1]}.py")) for suite in SUITES]


def uncovered(cov: coverage.Coverage, module: str) -> str:
    """Return the problem with a module's coverage by its own tests; empty if there is none."""
    tests = own_tests(module)
    if not any((ROOT / test).exists() for test in tests):
        return f"{module}: no test module of its own; expected {tests[0]}"
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return f"{module}: this module does not exist"
    contexts = ["^$", *(f"^{re.escape(test)}::" for test in tests)]
    report = io.StringIO()
    percent = cov.report(morfs=[spec.origin], contexts=contexts, file=report, show_missing=True, precision=1)
    if percent < 100:
        row = next(line for line in report.getvalue().splitlines() if ".py" in line)
        return f"{module}: its own tests miss {row.split('%', 1)[1].strip()}"
    return ""


def main() -> int:
    """Return the exit status of the tests and the check."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["switchboard"]
    (ROOT / "build").mkdir(exist_ok=True)
    for old in (ROOT / "build").glob("coverage.*"):
        old.unlink()
    # One process per processor, each with whole files, so that shared fixtures of a file are set up once.
    processes = ["-n", "logical", "--dist", "loadfile"]
    # Loading schemathesis takes each of them a second; only tests/fuzz needs it.
    plugins = ["-p", "tools.measure", "-p", "no:schemathesis"]
    status = pytest.main([*plugins, *processes, *(f"tests/{suite}" for suite in SUITES), *sys.argv[1:]])
    if status != 0 or sys.argv[1:]:
        return int(status)
    cov = coverage.Coverage(config_file=str(ROOT / "pyproject.toml"))
    cov.combine(strict=True)
    cov.save()
    problems = [problem for module in settings["pure"] if (problem := uncovered(cov, module))]
    for problem in problems:
        print(problem)
    print(f"{len(settings['pure'])} pure modules, {len(problems)} not covered completely by their own tests")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
