"""What a session takes note of: for logs, statistics and webhooks, never for what happens to the session."""

from typing import TypeAlias

from msgspec import Struct

from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import ConnectionState, Stats
from switchboard_signaling.wire.tokens import Side


class Welcomed(Struct, frozen=True):
    """The socket has its session; `resumed`: one that was there before."""

    resumed: bool


class Opened(Struct, frozen=True):
    """The client was told that match `m` is open.

    `first`: it had seen it form, on this socket; otherwise it was told before, on another one. The partner's subject is
    known to who saw the match form.
    """

    m: str
    side: Side
    first: bool
    partner: str
    partner_sub: str | None


class Over(Struct, frozen=True):
    """The session's match is over; `mine`: this session set the outcome, which one session does for each match."""

    record: MatchRecord
    mine: bool


Fact: TypeAlias = Welcomed | Opened | Over | Stats | ConnectionState
