"""Lanes deliver frames from one page load to another within a match, once and in order.

A lane is (match, from, to). The sender's client numbers its frames 1, 2, … (`seq`), and the receiver's client
acknowledges them. Pods in between may lose, duplicate, delay or reorder frames. sdk/src/lane.js does the same.
"""

import random
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

from msgspec.structs import replace

from switchboard_signaling.wire.messages import Ack, Chat, Negotiation, PeerMessage, encode

REPEAT_FIRST: Final = 1.0
"""Seconds until an unacknowledged frame is repeated, as in RFC 6298 section 2.1; doubled with each repetition."""
REPEAT_CEILING: Final = 5.0
JITTER: Final = 0.2
"""Share by which these times vary, so that clients do not repeat in step."""
WINDOW: Final = 256
"""Maximum number of unacknowledged frames; beyond, the peer counts as unreachable."""
WINDOW_BYTES: Final = 256 * 1024
"""The same limit in bytes of UTF-8 JSON."""
CHAT_SHARE: Final = 0.5
"""Share of both limits that chat may use, so that it never prevents a connection from being negotiated."""
SLOW_START: Final = 4
"""Frames in flight after the first acknowledgement that follows a timeout (as in RFC 5681 section 3.1)."""
MAX_GAP: Final = 32
"""How many frames beyond a missing one the receiver keeps."""
ACK_EVERY: Final = 2
"""Delivered frames after which the receiver acknowledges at once (as in RFC 5681 section 4.2)."""
ACK_SECONDS: Final = 0.1
"""Time after which it acknowledges a single delivered frame: well before the sender repeats it."""


class _Unacknowledged(NamedTuple):
    frame: PeerMessage
    size: int


class SendLane:
    """The sending end; `now` in monotonic seconds.

    Frames are sent at once. If one is not acknowledged in time, all later ones count as lost too: the lowest is sent
    again alone, and acknowledgements release the others, few at a time at first.
    """

    def __init__(self, match_id: str, sender: str, receiver: str) -> None:
        self._header = (match_id, sender, receiver)
        self._frames: deque[_Unacknowledged] = deque()
        self._in_flight = 0
        self._allowed = WINDOW
        self._next = 1
        self._generation = 0
        self._repeat_after = REPEAT_FIRST
        self._deadline = 0.0

    def push(self, frame: PeerMessage) -> bool:
        """Keep a frame, numbered, until it is acknowledged; return False if the window is full."""
        match_id, sender, receiver = self._header
        numbered = replace(frame, match_id=match_id, from_=sender, to=receiver, seq=self._next)
        size = len(encode(numbered))
        chats = [one for one in self._frames if isinstance(one.frame, Chat)]
        if not _fits(self._frames, size) or (isinstance(frame, Chat) and not _fits(chats, size, CHAT_SHARE)):
            return False
        if isinstance(numbered, Negotiation):
            self._generation = max(self._generation, numbered.generation)
        self._next += 1
        self._frames.append(_Unacknowledged(numbered, size))
        return True

    def flush(self, now: float) -> list[PeerMessage]:
        """Return the frames to send now."""
        end = min(self._allowed, len(self._frames))
        going = list(islice(self._frames, self._in_flight, end))
        if going and not self._in_flight:
            self._arm(now)
        self._in_flight = end
        return [one.frame for one in going]

    def acknowledged(self, seq: int, now: float) -> None:
        """Forget the frames that were delivered to the peer's application."""
        count = 0
        while self._frames and self._frames[0].frame.seq <= seq:
            self._frames.popleft()
            count += 1
        if not count:
            return
        self._in_flight = max(self._in_flight - count, 0)
        recovering = bool(self._frames) and self._allowed < WINDOW
        grown = SLOW_START if self._allowed == 1 else self._allowed + count
        self._allowed = min(grown, WINDOW) if recovering else WINDOW
        self._repeat_after = REPEAT_FIRST
        self._arm(now)

    @property
    def deadline(self) -> float | None:
        """When to call `due`; None while nothing is in flight."""
        return self._deadline if self._in_flight else None

    def due(self, now: float) -> list[PeerMessage]:
        """Return the lowest unacknowledged frame if its acknowledgement is overdue."""
        if not self._in_flight or now < self._deadline:
            return []
        self._repeat_after = min(self._repeat_after * 2, REPEAT_CEILING)
        return self.restart(now)

    def restart(self, now: float) -> list[PeerMessage]:
        """Return the lowest unacknowledged frame, if any, because this client or its peer has a new socket."""
        if not self._frames:
            return []
        self._in_flight, self._allowed = 0, 1
        return self.flush(now)

    def unacknowledged_chat(self) -> list[Chat]:
        """Return the chat to send to the peer's next page load, oldest first."""
        return [one.frame for one in self._frames if isinstance(one.frame, Chat)]

    def obsoletes(self, frame: PeerMessage) -> bool:
        """Return whether a received frame is about a connection that this side has replaced by a newer one."""
        return isinstance(frame, Negotiation) and frame.generation < self._generation

    def _arm(self, now: float) -> None:
        self._deadline = now + self._repeat_after * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter


class ReceiveLane:
    """The receiving end."""

    def __init__(self, match_id: str, sender: str, receiver: str) -> None:
        self._header = (match_id, sender, receiver)
        self._delivered = 0
        self._held: dict[int, PeerMessage] = {}
        self._unacknowledged = 0
        self._ack_at: float | None = None

    def receive(self, frame: PeerMessage, now: float) -> list[PeerMessage]:
        """Return the frames to deliver now, in order; ask for their acknowledgement by `due`.

        Gaps and duplicates are acknowledged at once, because the sender is repeating frames.
        """
        gap = bool(self._held)
        if self._delivered < frame.seq <= self._delivered + MAX_GAP:
            self._held[frame.seq] = frame
        ready = []
        while self._delivered + 1 in self._held:
            self._delivered += 1
            ready.append(self._held.pop(self._delivered))
        self._unacknowledged += len(ready)
        if gap or not ready or self._unacknowledged >= ACK_EVERY:
            self._ack_at = now
        elif self._ack_at is None:
            self._ack_at = now + ACK_SECONDS
        return ready

    @property
    def deadline(self) -> float | None:
        """When to call `due`; None while everything is acknowledged."""
        return self._ack_at

    def due(self, now: float) -> list[Ack]:
        """Return the acknowledgement of all delivered frames, if it is due."""
        if self._ack_at is None or now < self._ack_at:
            return []
        self._unacknowledged, self._ack_at = 0, None
        match_id, sender, receiver = self._header
        return [Ack(match_id=match_id, from_=sender, to=receiver, seq=self._delivered)]


def _fits(frames: Iterable[_Unacknowledged], size: int, share: float = 1.0) -> bool:
    sizes = [one.size for one in frames]
    return len(sizes) < WINDOW * share and sum(sizes) + size <= WINDOW_BYTES * share
