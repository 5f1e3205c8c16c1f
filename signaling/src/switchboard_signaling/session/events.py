"""Facts about a session for logs, statistics and webhooks; they never influence the session itself."""

from typing import TypeAlias

from msgspec import Struct

from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import ConnectionState, Stats
from switchboard_signaling.wire.tokens import Side


class Welcomed(Struct, frozen=True):
    """The socket is attached to its session; `resumed`: the session existed before."""

    resumed: bool


class MatchOpened(Struct, frozen=True):
    """The client was notified that the match is open.

    `first`: this socket saw the match form; otherwise the client had been notified on an earlier socket. `peer` is the
    peer's session; its subject is known only to sockets that saw the match form.
    """

    match_id: str
    side: Side
    first: bool
    peer: str
    peer_sub: str | None


class MatchEnded(Struct, frozen=True):
    """The session's match is over; `mine`: this session set the outcome, which one session does for each match."""

    record: MatchRecord
    mine: bool


Fact: TypeAlias = Welcomed | MatchOpened | MatchEnded | Stats | ConnectionState
