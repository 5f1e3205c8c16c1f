"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; fail with its name if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
