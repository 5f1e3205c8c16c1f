"""How the programs that a test started are ended."""

import asyncio

END_SECONDS = 20.0
"""More than any of them takes to say farewell to its clients, on machines that run other tests at the same time."""


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a program to end, unless it has; fails, and kills it, if it does not in time."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
