"""Settings that all tests share."""

from collections.abc import Callable, Iterator

import coverage
import pytest
from hypothesis import settings

# The same examples in every run: what fails once fails again. `--hypothesis-seed=random` looks for new ones.
settings.register_profile("switchboard", derandomize=True, deadline=None)
settings.load_profile("switchboard")


MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture
def took(request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    """Note how many seconds something took; it is shown below the results, and nothing depends on it."""
    notes = request.config.stash.setdefault(MEASURED, [])
    return lambda what, seconds: notes.append(f"{request.node.name}: {what}: {seconds:.2f} s")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was measured."""
    if notes := config.stash.get(MEASURED, []):
        terminalreporter.section("measured")
        for note in notes:
            terminalreporter.line(note)


@pytest.fixture(autouse=True)
def _coverage_context(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell the coverage measurement which test runs, for the rule in tools/run_unit_tests.py."""
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(request.node.nodeid)
    yield
    if measured is not None:
        measured.switch_context("")
