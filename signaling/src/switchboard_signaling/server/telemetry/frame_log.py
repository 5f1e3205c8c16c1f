"""The log of one watched socket: its frames and its changes of state, without their contents.

Only numbers, enumerations and ids are logged. Tokens, JWTs, session descriptions, candidates, chat, attributes and
subjects appear as sizes: a new field is a size until it is listed in SHOWN.
"""

import logging
import re
from typing import Any, Final, TypeAlias

import structlog
from msgspec import to_builtins

from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import Close, Effect, Send
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import ProtocolError
from switchboard_signaling.wire.intents import Intent
from switchboard_signaling.wire.messages import ClientFrame, ServerFrame

Facts: TypeAlias = dict[str, Any]

SHOWN: Final = frozenset(
    {
        "type", "state", "reason", "role", "code", "path", "media", "mode",
        "session", "instance", "peer", "match", "from", "to", "ticket", "id",
    }
)  # fmt: skip
"""Fields whose text is logged if it is an id or a word; the text of all other fields is logged as its length."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:-]{0,64}")
"""Ids as in wire.fields, and words; longer texts are not logged."""

# Written whatever SWITCHBOARD_LOG_LEVEL is, because a watch is switched on for a limited time.
log = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))


def summary(frame: ClientFrame | ServerFrame | Intent) -> Facts:
    """Return the loggable fields of a frame, and `sizes`: lengths of texts, counts of entries. Dots mean nesting."""
    facts: Facts = {}
    sizes: dict[str, int] = {}
    _collect("", to_builtins(frame), facts, sizes)
    return {**facts, "sizes": sizes} if sizes else facts


def state_of(session: Session) -> Facts:
    """Return a session's state: the phase of its socket, its client's intent, and its match."""
    facts: Facts = {"phase": session.phase}
    _collect("intent.", to_builtins(session.intent), facts, {})
    match = session.match
    if match is not None:
        facts |= {
            "match": match.match_id,
            "match.state": "open" if match.opened else "forming" if match.announced else "unannounced",
            "match.side": match.side,
            "match.presence": match.sightings.presence,
            "match.peer": match.peer and match.peer.session_id,
            "match.peerPod": match.peer and match.peer.pod,
        }
    return facts


class SocketLog:
    """Logs one socket from now on."""

    __slots__ = ("_log", "_session", "_state")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._log = log.bind(session=session.session_id, socket=session.socket_number)
        self._state = state_of(session)
        self._log.debug("watch_started", frames=session.frames, state=self._state)

    def received(self, frame: ClientFrame, size: int) -> None:
        """Log a frame from the client; `size` in bytes."""
        self._log.debug("frame_received", bytes=size, frame=summary(frame))

    def refused(self, error: ProtocolError) -> None:
        """Log a frame that could not be decoded."""
        self._log.debug("frame_refused", code=error.kind.code)

    def decided(self, effects: list[Effect]) -> None:
        """Log the changes of state, then the frames, after a step of the session."""
        state = state_of(self._session)
        if state != self._state:
            changed = {name for name in {**self._state, **state} if self._state.get(name) != state.get(name)}
            before, after = ({name: one.get(name) for name in sorted(changed)} for one in (self._state, state))
            self._log.debug("state_changed", before=before, after=after)
            self._state = state
        for effect in effects:
            if isinstance(effect, Send):
                size = len(messages.encode(effect.frame))
                self._log.debug("frame_sent", bytes=size, frame=summary(effect.frame))
            elif isinstance(effect, Close):
                self._log.debug("socket_closing", code=effect.code.code, reason=effect.code.reason)

    def closed(self, code: int | None) -> None:
        """Log the end of the socket; None if the connection broke."""
        self._log.debug("socket_closed", code=code)

    def stopped(self) -> None:
        """Log that the socket is no longer watched."""
        self._log.debug("watch_stopped")


def _collect(prefix: str, fields: dict[str, Any], facts: Facts, sizes: dict[str, int]) -> None:
    for name, value in fields.items():
        match value:
            case bool() | int() | float() | None:
                facts[prefix + name] = value
            case str() if name in SHOWN and _PLAIN.fullmatch(value):
                facts[prefix + name] = value
            case dict() if name in ("intent", "timeouts", "ref"):
                _collect(f"{prefix}{name}.", value, facts, sizes)
            case _:
                sizes[prefix + name] = len(value)
