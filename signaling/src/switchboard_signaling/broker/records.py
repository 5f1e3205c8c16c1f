"""Replies of the store's scripts as records of the protocol."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from switchboard_signaling.matching.queue import Enqueued
from switchboard_signaling.matching.tickets import Proposal, Ticket, propose
from switchboard_signaling.session.records import MatchRecord, Predecessor, SessionRecord, SideRecord
from switchboard_signaling.wire.intents import Intent

SESSION_FIELDS: Final = ("socket", "attach", "intent", "instance", "pod", "previous.intent", "previous.pod")

_intents: msgspec.json.Decoder[Intent] = msgspec.json.Decoder(Intent)
_tickets = msgspec.json.Decoder(Ticket)


def session_record(fields: Sequence[str | None]) -> SessionRecord | None:
    """Return the record of the values of SESSION_FIELDS, or None for a session that the store does not know."""
    socket_number, attach, intent, instance, pod, left_intent, left_pod = fields
    if socket_number is None or attach is None or intent is None or instance is None or pod is None:
        return None
    left = Predecessor(_intents.decode(left_intent), left_pod) if left_intent and left_pod else None
    return SessionRecord(int(socket_number), attach, _intents.decode(intent), instance, pod, left)


def mapping(fields: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    """Return a hash's fields, which a command returns as a mapping, and a script as alternating names and values."""
    return fields if isinstance(fields, Mapping) else dict(zip(fields[::2], fields[1::2], strict=True))


def match_record(match_id: str, fields: Mapping[str, str] | Sequence[str]) -> MatchRecord:
    """Return the record with a hash's fields."""
    fields = mapping(fields)
    given: dict[str, Any] = {name: fields[name] for name in ("outcome", "by", "reason") if name in fields}
    return MatchRecord(match_id, a=_side(fields, "a"), b=_side(fields, "b"), **given)


def proposal(text: str) -> Proposal:
    """Return the proposal of [match, ticket, queue order, ticket, queue order]; sides are by session id."""
    match_id, one, one_order, other, other_order = msgspec.json.decode(text, type=tuple[str, str, str, str, str])
    return propose(match_id, _ticket(one, one_order), _ticket(other, other_order))


def waits(queue_order: str, position: int) -> Enqueued:
    """Return the answer for a waiting ticket."""
    return Enqueued(int(queue_order), position)


def _ticket(text: str, queue_order: str) -> Ticket:
    return msgspec.structs.replace(_tickets.decode(text), queue_order=int(queue_order))


def _side(fields: Mapping[str, str], side: str) -> SideRecord | None:
    if f"{side}.session" not in fields:
        return None
    session_id, socket_number, version, instance, pod, named = (
        fields[f"{side}.{name}"] for name in ("session", "socket", "version", "instance", "pod", "named")
    )
    return SideRecord(session_id, int(socket_number), int(version), instance, pod, named == "1")
