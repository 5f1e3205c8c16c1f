"""Presence by observation, as client-go watches leases: a peer is present while its counters grow.

Only the observer's monotonic clock counts, and only the time between two successful reads. A clock step, a paused
observer or an unavailable store therefore never makes a peer look lost.
"""

from typing import Final, Literal, TypeAlias

Presence: TypeAlias = Literal["present", "away", "lost"]

AWAY_AFTER: Final = 10.0
"""Seconds without a change after which the peer is away: two heartbeats."""
AWAY_AFTER_CLOSE: Final = 2.0
"""The same once the peer's pod has reported that its socket closed."""


class PeerSightings:
    """What one side has observed of the other's (socket number, version)."""

    def __init__(self, resume_window: float) -> None:
        """`resume_window`: seconds without a change after which the peer counts as lost."""
        self._resume_window = resume_window
        self._seen: tuple[int, int] | None = None
        self._read_at: float | None = None
        self._quiet = 0.0
        self._closed_socket: int | None = None

    @property
    def seen(self) -> tuple[int, int] | None:
        """The newest (socket number, version) that was read."""
        return self._seen

    def read(self, counters: tuple[int, int] | None, now: float) -> None:
        """Note a successful read at `now` (monotonic seconds)."""
        if counters != self._seen:
            self._seen, self._quiet = counters, 0.0
        elif self._read_at is not None:
            self._quiet += now - self._read_at
        self._read_at = now

    def failed(self) -> None:
        """Note a failed read: the time until the next success does not count."""
        self._read_at = None

    def closed(self, socket_number: int) -> None:
        """Note that this socket of the peer has closed."""
        self._closed_socket = socket_number

    @property
    def suspect(self) -> bool:
        """Whether the peer's newest known socket is one that has closed: read more often."""
        return self._closed_socket is not None and self._seen is not None and self._seen[0] <= self._closed_socket

    @property
    def presence(self) -> Presence:
        """The peer's presence at the last read."""
        if self._quiet >= self._resume_window:
            return "lost"
        return "away" if self._quiet >= (AWAY_AFTER_CLOSE if self.suspect else AWAY_AFTER) else "present"
