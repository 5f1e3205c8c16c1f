"""Progress of long commands: one line per step, and an update at least every ten seconds."""

from __future__ import annotations

import time

from rich.console import Console

console = Console(stderr=True, highlight=False)
UPDATE_SECONDS = 10.0


class Progress:
    """Lines on standard error with the time since the start; on a terminal, `tick` overwrites the last one."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._start = time.monotonic()
        self._last_tick = self._start
        self._ticking = False

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        """Print a step that begins or is done."""
        if not self.quiet:
            self._clear()
            console.print(f"[dim]{self.elapsed:6.1f} s[/dim]  {text}")

    def tick(self, text: str) -> None:
        """Show the progress of a long step: at once on a terminal, every ten seconds elsewhere."""
        if self.quiet:
            return
        if console.is_terminal:
            width = console.width - 1
            console.file.write("\r" + f"{self.elapsed:6.1f} s  {text}"[:width].ljust(width))
            console.file.flush()
            self._ticking = True
        elif time.monotonic() - self._last_tick >= UPDATE_SECONDS:
            self._last_tick = time.monotonic()
            self.say(text)

    def _clear(self) -> None:
        if self._ticking:
            console.file.write("\r" + " " * (console.width - 1) + "\r")
            self._ticking = False
