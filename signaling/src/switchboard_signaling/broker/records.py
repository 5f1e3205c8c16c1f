"""Replies of the store's scripts as the records that the protocol knows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from switchboard_signaling.matching.line import InLine
from switchboard_signaling.matching.tickets import Proposal, Ticket, propose
from switchboard_signaling.session.records import MatchRecord, Predecessor, SessionRecord, SideRecord
from switchboard_signaling.wire.intents import Want

SESSION_FIELDS: Final = ("n", "attach", "want", "inst", "pod", "left.want", "left.pod")

_wants: msgspec.json.Decoder[Want] = msgspec.json.Decoder(Want)
_tickets = msgspec.json.Decoder(Ticket)


def session_record(fields: Sequence[str | None]) -> SessionRecord | None:
    """Return the record of (n, attach, want, inst, pod, want and pod of the last socket).

    None stands for a session that the store does not know.
    """
    n, attach, want, inst, pod, left_want, left_pod = fields
    if n is None or attach is None or want is None or inst is None or pod is None:
        return None
    left = Predecessor(_wants.decode(left_want), left_pod) if left_want and left_pod else None
    return SessionRecord(int(n), attach, _wants.decode(want), inst, pod, left)


def mapping(fields: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    """Return a hash's fields, which a command gives as a mapping, and a script as names and values in turn."""
    return fields if isinstance(fields, Mapping) else dict(zip(fields[::2], fields[1::2], strict=True))


def match_record(m: str, fields: Mapping[str, str] | Sequence[str]) -> MatchRecord:
    """Return the record of a hash's fields."""
    fields = mapping(fields)
    given: dict[str, Any] = {name: fields[name] for name in ("outcome", "by", "reason") if name in fields}
    return MatchRecord(m, a=_side(fields, "a"), b=_side(fields, "b"), **given)


def proposal(text: str) -> Proposal:
    """Return the proposal of [m, ticket, seq, ticket, seq]; sides are by session id, not by place in the text."""
    m, one, one_seq, other, other_seq = msgspec.json.decode(text, type=tuple[str, str, str, str, str])
    return propose(m, _ticket(one, one_seq), _ticket(other, other_seq))


def waits(seq: str, position: int) -> InLine:
    """Return the place in line."""
    return InLine(int(seq), position)


def _ticket(text: str, seq: str) -> Ticket:
    return msgspec.structs.replace(_tickets.decode(text), seq=int(seq))


def _side(fields: Mapping[str, str], side: str) -> SideRecord | None:
    if f"{side}.sid" not in fields:
        return None
    sid, n, v, inst, pod, named = (fields[f"{side}.{name}"] for name in ("sid", "n", "v", "inst", "pod", "named"))
    return SideRecord(sid, int(n), int(v), inst, pod, named == "1")
