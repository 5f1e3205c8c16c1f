"""The SDK's modules, each with its own tests. Packing checks their types (test_package.py)."""

from pathlib import Path

import pytest
from tests.node import run_tests
from tools.npm import npm_packages

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
MODULES = ["ice", "match", "quality", "recovery", "report", "problems", "session", "react"]


@pytest.mark.parametrize("module", MODULES)
def test_the_module_does_what_its_tests_say(module: str) -> None:
    errors = ROOT / "docs" / "reference" / "protocol-errors.md"
    run_tests(HERE / f"{module}.test.mjs", SDK=str(ROOT / "sdk" / "src"), ERRORS=str(errors), NPM=str(npm_packages()))
