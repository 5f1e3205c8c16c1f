"""How the programs that a test started are ended."""

import asyncio

END_SECONDS = 10.0


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
