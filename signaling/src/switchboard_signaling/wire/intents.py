"""What a client wants: decided by the client alone, numbered by `c`, and repeated in every heartbeat."""

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from switchboard_signaling.wire.fields import Attributes, Blocked, Counter, Id, Token, Word


class Idle(Struct, tag_field="state", tag="idle", rename="camel", frozen=True):
    """Neither queued nor matched."""

    c: Counter = 0


class Queued(Struct, tag_field="state", tag="queued", rename="camel", frozen=True, omit_defaults=True):
    """Looking for a partner under `ticket`; `place` is the signed place in line from `queued`.

    A partner must have what is `required`; what is `preferred` counts as required at first. Those of another `mode`,
    and the subjects that are `blocked`, are never met.
    """

    c: Counter
    ticket: Id
    attributes: Attributes = {}
    required: Attributes = {}
    place: Token | None = None
    mode: Word = ""
    preferred: Attributes = {}
    blocked: Blocked = []


class Matched(Struct, tag_field="state", tag="matched", rename="camel", frozen=True, omit_defaults=True):
    """In match `m`; `token` is the proof from an open match."""

    c: Counter
    m: Id
    token: Token | None = None


Want: TypeAlias = Idle | Queued | Matched


def want_rank(want: Want) -> int:
    """Return how far a want has come; among wants of the same number the furthest holds."""
    return {Idle: 0, Queued: 1, Matched: 2}[type(want)]


def further_want(one: Want, other: Want) -> bool:
    """Whether the first of two wants holds: by its higher number, or by how far it has come under the same one."""
    return (one.c, want_rank(one)) > (other.c, want_rank(other))


def newer_want(known: Want, said: Want) -> Want:
    """Return the want that holds of two: the further, or what was said last."""
    return known if further_want(known, said) else said


def same_want(known: Want, said: Want) -> Want:
    """Return what was said, made of what is known where the two agree: for hours a client says the same again."""
    if isinstance(known, Queued) and isinstance(said, Queued) and said != known:
        alike = replace(known, c=said.c, place=said.place)
        return alike if alike == said else said
    return known if known == said else said
