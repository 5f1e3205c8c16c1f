"""Lanes: what one page load says to another within a match is shown once and in order, whatever happens in between.

A lane is (m, from, to); its frames are numbered k = 1, 2, … by the sender's client and acknowledged by the receiver's
client. Pods in between may drop, double, delay or reorder them. sdk/src/lane.js is the same in JavaScript.
"""

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from msgspec.structs import replace

from switchboard_signaling.wire.messages import Ack, Answer, Chat, IceCandidate, Noop, Offer, PeerMessage, encode

RTO_FIRST: Final = 1.0
"""Seconds (RFC 6298 section 2.1)."""
RTO_FLOOR: Final = 0.2
RTO_CEILING: Final = 5.0
GRANULARITY: Final = 0.1
WINDOW: Final = 256
"""Frames that may be unacknowledged; beyond, the partner counts as unreachable for now."""
WINDOW_BYTES: Final = 256 * 1024
"""The same in bytes of UTF-8 JSON."""
CHAT_SHARE: Final = 0.5
"""The part of both windows that chat may fill, so that it never keeps a connection from being negotiated."""
SLOW_START: Final = 4
"""Frames under way after the first acknowledgement that follows a timeout (as in RFC 5681 section 3.1)."""
MAX_GAP: Final = 32
"""How far ahead of a missing frame later ones are kept."""


@dataclass
class _Unacknowledged:
    frame: PeerMessage
    size: int
    sent_at: float | None = None
    resent: bool = False


class SendLane:
    """The sending end; `now` in monotonic seconds.

    Frames go out as they come. Once one was not acknowledged in time, those after it count as lost too: the lowest
    goes out alone, and the acknowledgements let out the others, at first few at a time.
    """

    def __init__(self, m: str, sender: str, receiver: str) -> None:
        self._header = (m, sender, receiver)
        self._frames: deque[_Unacknowledged] = deque()
        self._under_way = 0
        self._allowed = WINDOW
        self._next = 1
        self._rto = RTO_FIRST
        self._smoothed: float | None = None
        self._variation = 0.0
        self._deadline = 0.0

    def push(self, frame: PeerMessage) -> bool:
        """Keep a frame, numbered, until it is acknowledged; return False if the window is full."""
        m, sender, receiver = self._header
        numbered = replace(frame, m=m, from_=sender, to=receiver, k=self._next)
        if isinstance(numbered, Offer | Answer | IceCandidate):
            self._outdate(numbered.neg)
        size = len(encode(numbered))
        chats = [one for one in self._frames if isinstance(one.frame, Chat)]
        if not _fits(self._frames, size) or (isinstance(frame, Chat) and not _fits(chats, size, CHAT_SHARE)):
            return False
        self._next += 1
        self._frames.append(_Unacknowledged(numbered, size))
        return True

    def flush(self, now: float) -> list[PeerMessage]:
        """Return the frames that may go out now."""
        end = min(self._allowed, len(self._frames))
        going = list(islice(self._frames, self._under_way, end))
        if going and not self._under_way:
            self._arm(now)
        for one in going:
            one.resent = one.sent_at is not None
            one.sent_at = now
        self._under_way = end
        return [one.frame for one in going]

    def acknowledged(self, k: int, now: float) -> None:
        """Forget what the partner's application has been given."""
        count = 0
        while self._frames and self._frames[0].frame.k <= k:
            first = self._frames.popleft()
            count += 1
            if first.frame.k == k and first.sent_at is not None and not first.resent:
                self._measure(now - first.sent_at)  # Karn: what was sent twice is not measured
        if not count:
            return
        self._under_way = max(self._under_way - count, 0)
        recovering = bool(self._frames) and self._allowed < WINDOW
        grown = SLOW_START if self._allowed == 1 else self._allowed + count
        self._allowed = min(grown, WINDOW) if recovering else WINDOW
        self._arm(now)

    @property
    def deadline(self) -> float | None:
        """When `due` is to be asked; None while nothing is under way."""
        return self._deadline if self._under_way else None

    def due(self, now: float) -> list[PeerMessage]:
        """Return the lowest frame if it was not acknowledged in time."""
        if not self._under_way or now < self._deadline:
            return []
        self._rto = min(self._rto * 2, RTO_CEILING)
        return self.restart(now)

    def restart(self, now: float) -> list[PeerMessage]:
        """Return the lowest unacknowledged frame, if there is one: this client or its partner is back."""
        if not self._frames:
            return []
        self._under_way, self._allowed = 0, 1
        return self.flush(now)

    def unacknowledged_chat(self) -> list[Chat]:
        """Return what should reach the partner's next page load too, oldest first."""
        return [one.frame for one in self._frames if isinstance(one.frame, Chat)]

    def _outdate(self, neg: int) -> None:
        """Empty the frames about connections older than `neg`; their numbers stay."""
        for one in self._frames:
            old = one.frame
            if isinstance(old, Offer | Answer | IceCandidate) and old.neg < neg:
                one.frame = Noop(m=old.m, from_=old.from_, to=old.to, k=old.k)
                one.size = len(encode(one.frame))

    def _arm(self, now: float) -> None:
        self._deadline = now + self._rto * random.uniform(0.8, 1.2)  # noqa: S311 - jitter

    def _measure(self, rtt: float) -> None:
        """RFC 6298 section 2."""
        if self._smoothed is None:
            self._smoothed, self._variation = rtt, rtt / 2
        else:
            self._variation = 0.75 * self._variation + 0.25 * abs(self._smoothed - rtt)
            self._smoothed = 0.875 * self._smoothed + 0.125 * rtt
        self._rto = min(max(self._smoothed + max(GRANULARITY, 4 * self._variation), RTO_FLOOR), RTO_CEILING)


class ReceiveLane:
    """The receiving end."""

    def __init__(self, m: str, sender: str, receiver: str) -> None:
        self._header = (m, sender, receiver)
        self._shown = 0
        self._held: dict[int, PeerMessage] = {}

    def receive(self, frame: PeerMessage) -> tuple[list[PeerMessage], Ack]:
        """Return what to show now, in order, and the acknowledgement to send."""
        if self._shown < frame.k <= self._shown + MAX_GAP:
            self._held[frame.k] = frame
        ready = []
        while self._shown + 1 in self._held:
            self._shown += 1
            ready.append(self._held.pop(self._shown))
        m, sender, receiver = self._header
        return ready, Ack(m=m, from_=sender, to=receiver, k=self._shown)


def _fits(frames: Iterable[_Unacknowledged], size: int, share: float = 1.0) -> bool:
    sizes = [one.size for one in frames]
    return len(sizes) < WINDOW * share and sum(sizes) + size <= WINDOW_BYTES * share
