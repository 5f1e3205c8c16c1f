"""Wait for a condition, and measure the time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.05


async def until(condition: Callable[[], Awaitable[object]], what: str, seconds: float = 30.0) -> float:
    """Return the seconds until a condition was true; fail with `what` if it is not in time."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began
