"""The SDK's pure modules by themselves, and the types of all of them."""

from pathlib import Path

import pytest
from tests.node import run_tests
from tests.npm import check_types, npm_packages

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
MODULES = ["ice", "index", "match", "quality", "recovery", "report", "problems", "session", "react"]


@pytest.mark.parametrize("module", MODULES)
def test_the_module_does_what_its_tests_say(module: str) -> None:
    errors = ROOT / "docs" / "reference" / "protocol-errors.md"
    run_tests(HERE / f"{module}.test.mjs", SDK=str(ROOT / "sdk" / "src"), ERRORS=str(errors), NPM=str(npm_packages()))


def test_the_types_hold() -> None:
    check_types(ROOT / "sdk")
