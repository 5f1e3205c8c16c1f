"""Settings that all tests share."""

from collections.abc import Iterator

import coverage
import pytest
from hypothesis import settings

# The same examples in every run: what fails once fails again. `--hypothesis-seed=random` looks for new ones.
settings.register_profile("switchboard", derandomize=True, deadline=None)
settings.load_profile("switchboard")


@pytest.fixture(autouse=True)
def _coverage_context(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell the coverage measurement which test runs, for the rule in tools/run_unit_tests.py."""
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(request.node.nodeid)
    yield
    if measured is not None:
        measured.switch_context("")
