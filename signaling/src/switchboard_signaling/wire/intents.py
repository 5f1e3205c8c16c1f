"""Intents: the state a client wants to be in.

Only the client changes its intent. It numbers each change with `revision` and repeats the intent in every heartbeat.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from switchboard_signaling.wire.fields import (
    BlockedSubjects,
    MatchId,
    Mode,
    OwnAttributes,
    PreferredAttributes,
    RequiredAttributes,
    Revision,
    Ticket,
    Token,
)


class Idle(Struct, tag_field="state", tag="idle", rename="camel", frozen=True):
    """The client wants neither a queue nor a match."""

    revision: Revision = 0


class Queued(Struct, tag_field="state", tag="queued", rename="camel", frozen=True, omit_defaults=True):
    """The client wants a peer for `ticket`."""

    revision: Revision
    ticket: Ticket
    attributes: OwnAttributes = {}
    required: RequiredAttributes = {}
    queue_token: Annotated[
        Token | None, Meta(description="Signed queue order from the newest `queued` frame for this ticket.")
    ] = None
    mode: Mode = ""
    preferred: PreferredAttributes = {}
    blocked: BlockedSubjects = []


class Matched(
    Struct,
    tag_field="state",
    tag="matched",
    rename={"match_id": "match"},
    frozen=True,
    omit_defaults=True,
):
    """The client wants to be in `match`; `token` proves its side of an open match."""

    revision: Revision
    match_id: MatchId
    token: Annotated[Token | None, Meta(description="Token from the `match-found` of the open match.")] = None


Intent: TypeAlias = Idle | Queued | Matched


def intent_rank(intent: Intent) -> int:
    """Return the progress of an intent; among intents of the same revision, the highest rank wins."""
    return {Idle: 0, Queued: 1, Matched: 2}[type(intent)]


def supersedes(one: Intent, other: Intent) -> bool:
    """Return whether `one` wins over `other`: by its higher revision, or by its rank within the same revision."""
    return (one.revision, intent_rank(one)) > (other.revision, intent_rank(other))


def newer_intent(known: Intent, received: Intent) -> Intent:
    """Return the winning intent; if neither supersedes the other, the received one."""
    return known if supersedes(known, received) else received


def reuse_intent(known: Intent, received: Intent) -> Intent:
    """Return the received intent, sharing memory with the known one where both agree.

    Clients repeat the same intent for hours.
    """
    if isinstance(known, Queued) and isinstance(received, Queued) and received != known:
        alike = replace(known, revision=received.revision, queue_token=received.queue_token)
        return alike if alike == received else received
    return known if known == received else received
