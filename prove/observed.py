"""The server's command, which on SIGUSR1 writes its number of objects per type to the file in OBSERVED_FILE."""

import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from switchboard_signaling.cli import main

MOST = 40


def count(_signal: int, _frame: FrameType | None) -> None:
    """Write the number of objects per type that the garbage collector tracks, for the most frequent types."""
    gc.collect()
    kinds = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    file = Path(os.environ["OBSERVED_FILE"])
    new = file.with_suffix(".new")
    new.write_text(json.dumps(dict(kinds.most_common(MOST))))
    new.rename(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, count)
    sys.exit(main())
