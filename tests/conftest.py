"""Settings that all tests share."""

from collections.abc import Callable, Iterator
from typing import Any

import coverage
import pytest
import structlog
from hypothesis import settings
from tools import lanes

# The same examples in every run: what fails once fails again. `--hypothesis-seed=random` looks for new ones.
settings.register_profile("switchboard", derandomize=True, deadline=None)
settings.load_profile("switchboard")

MEASURED = "measured"
"""Name of the property of a test's report that holds a note."""


@pytest.fixture
def took(request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    """Note how many seconds something took; it is shown below the results, and nothing depends on it."""
    notes: list[tuple[str, Any]] = request.node.user_properties
    return lambda what, seconds: notes.append((MEASURED, f"{request.node.name}: {what}: {seconds:.2f} s"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured, in whichever process."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.getreports(outcome)]
    finished = [one for one in reports if one.when == "call"]
    if notes := [note for one in finished for name, note in one.user_properties if name == MEASURED]:
        terminalreporter.section(MEASURED)
        for note in notes:
            terminalreporter.line(note)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those first that take longest."""
    items.sort(key=lambda item: lanes.rank(lanes.path_of(item)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> lanes.LaneScheduling | None:
    """Give processes whole lanes, where they are to have more than files."""
    return lanes.LaneScheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="session", autouse=True)
def _no_cached_loggers() -> Iterator[None]:
    """Keep modules from holding on to a logger that a test's program has configured: its output ends with that test."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", lambda **given: configure(**given | {"cache_logger_on_first_use": False}))
        yield


@pytest.fixture(autouse=True)
def _logs_as_before(_no_cached_loggers: None) -> Iterator[None]:
    """Take back how a test's program has configured the logs."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _coverage_context(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell the coverage measurement which test runs, for the rule in tools/run_unit_tests.py."""
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(request.node.nodeid)
    yield
    if measured is not None:
        measured.switch_context("")
