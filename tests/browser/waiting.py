"""Waiting for what a person sees, and saying how long it took."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.05


async def until(condition: Callable[[], Awaitable[object]], what: str, seconds: float = 30.0) -> float:
    """Return the seconds until the condition held; fail with its name if it does not in time."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began
