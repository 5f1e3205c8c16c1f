"""Stop the programs that a test started."""

import asyncio

END_SECONDS = 20.0
"""More than any of them needs for a graceful shutdown on a machine that runs other tests at the same time."""


async def end(process: asyncio.subprocess.Process) -> None:
    """Terminate a program unless it has exited; if it does not exit in time, kill it and raise TimeoutError."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
