"""The progress of long commands."""

import io

import pytest
from rich.console import Console

from switchboard_cluster import progress
from switchboard_cluster.progress import Progress


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return the output to a file."""
    written = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=written, width=40))
    return written


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return the output to a terminal of 40 columns."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=40, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    return written


def test_a_step_is_a_line_with_the_time_since_the_start(clock: Clock, log: io.StringIO) -> None:
    shown = Progress()
    clock.now += 2.5
    shown.say("nodes ready")
    assert log.getvalue() == "   2.5 s  nodes ready\n"
    assert shown.elapsed == 2.5


def test_a_log_receives_a_line_every_ten_seconds(clock: Clock, log: io.StringIO) -> None:
    shown = Progress()
    for second in range(1, 26):
        clock.now = 1000.0 + second
        shown.tick(f"{second} packages")
    assert log.getvalue().split("\n") == ["  10.0 s  10 packages", "  20.0 s  20 packages", ""]


@pytest.mark.parametrize("text", ["linking", "a text that is longer than the terminal is wide"])
def test_a_terminal_shows_one_line_that_the_next_step_overwrites(
    clock: Clock, terminal: io.StringIO, text: str
) -> None:
    shown = Progress()
    shown.tick(text)
    ticked = terminal.getvalue()
    assert ticked.startswith("\r")
    assert len(ticked) == 40, "a full line would scroll"
    shown.say("built")
    assert terminal.getvalue().removeprefix(ticked) == "\r" + " " * 39 + "\r" + "   0.0 s  built\n"


def test_quiet_progress_prints_nothing(clock: Clock, log: io.StringIO) -> None:
    shown = Progress(quiet=True)
    clock.now += 60
    shown.tick("hidden")
    shown.say("hidden")
    assert log.getvalue() == ""
