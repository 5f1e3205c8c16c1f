"""Locks between processes: advisory file locks that name their holder and its purpose."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from switchboard_cluster.progress import Progress


@contextmanager
def hold(file: Path, doing: str, progress: Progress) -> Iterator[None]:
    """Hold the lock `file`; while another process holds it, wait and show its purpose."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as lock:
        if not _try(lock.fileno()):
            lock.seek(0)
            progress.say(f"waiting for {lock.read().strip() or 'another process'}")
            while not _try(lock.fileno()):
                progress.tick(f"waiting for the holder of {file}")
                time.sleep(0.2)
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, which {doing}")
        lock.flush()
        yield


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
