"""Presence by observation, as client-go watches leases: a partner is present while its counters grow.

Only the observer's own monotonic clock counts, and only spans that lie between two successful reads, so that neither a
clock step, nor a paused observer, nor a store that does not answer makes anybody look dead.
"""

from typing import Final, Literal, TypeAlias

Presence: TypeAlias = Literal["present", "away", "lost"]

AWAY_AFTER: Final = 10.0
"""Seconds without a sign of life: two heartbeats."""
AWAY_AFTER_CLOSE: Final = 2.0
"""Seconds without a sign of life after the partner's pod has said that its socket closed."""


class PeerSightings:
    """What one side has seen of the other's (n, v)."""

    def __init__(self, resume_window: float) -> None:
        """`resume_window`: seconds without a sign of life after which the partner counts as lost."""
        self._resume_window = resume_window
        self._seen: tuple[int, int] | None = None
        self._read_at: float | None = None
        self._quiet = 0.0
        self._closed_n: int | None = None

    @property
    def seen(self) -> tuple[int, int] | None:
        """The newest (n, v) that was read."""
        return self._seen

    def read(self, counters: tuple[int, int] | None, now: float) -> None:
        """Note a successful read at `now` (monotonic seconds)."""
        if counters != self._seen:
            self._seen, self._quiet = counters, 0.0
        elif self._read_at is not None:
            self._quiet += now - self._read_at
        self._read_at = now

    def failed(self) -> None:
        """Note that a read failed: the span up to the next success does not count."""
        self._read_at = None

    def closed(self, n: int) -> None:
        """Note that the partner's socket number `n` closed."""
        self._closed_n = n

    @property
    def suspect(self) -> bool:
        """Whether no newer socket of the partner is known than one that closed: look more often."""
        return self._closed_n is not None and self._seen is not None and self._seen[0] <= self._closed_n

    @property
    def presence(self) -> Presence:
        """What the partner is by now."""
        if self._quiet >= self._resume_window:
            return "lost"
        return "away" if self._quiet >= (AWAY_AFTER_CLOSE if self.suspect else AWAY_AFTER) else "present"
