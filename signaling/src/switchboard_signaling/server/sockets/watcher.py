"""Logs the sockets of watched clients for as long as the clients are on the pool's list of watches."""

from typing import Final, Protocol

import structlog

from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.server.telemetry.frame_log import SocketLog

MAX_WATCHED_SOCKETS: Final = 32
"""Maximum number of sockets that a pod logs at a time: many clients may share a subject."""

log = structlog.get_logger(__name__)


class Watches(Protocol):
    """The list of watched clients."""

    @property
    def empty(self) -> bool:
        """Whether no client is watched."""

    def holds(self, sub: str, session_id: str) -> bool:
        """Return whether a subject or a session is watched."""


class Watcher:
    """Starts and stops the logs of sockets."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._logs: dict[Connection, SocketLog] = {}

    @property
    def active(self) -> bool:
        """Whether any client is watched or any socket is logged; otherwise there is nothing to do."""
        return bool(self._logs) or not self._watches.empty

    def look(self, connection: Connection) -> None:
        """Start or stop the log of a socket, if its client was put on the list or removed from it."""
        session = connection.session
        watched = session.session_id != "" and self._watches.holds(session.subject, session.session_id)
        if watched == (connection in self._logs):
            return
        if not watched:
            self._logs.pop(connection).stopped()
            connection.frame_log = None
        elif len(self._logs) < MAX_WATCHED_SOCKETS:
            self._logs[connection] = connection.frame_log = SocketLog(session)
            if len(self._logs) == MAX_WATCHED_SOCKETS:
                remedy = "watch sessions instead of a subject with many of them"
                log.warning("watch_limit_reached", sockets=MAX_WATCHED_SOCKETS, remedy=remedy)

    def closed(self, connection: Connection, code: int | None) -> None:
        """End the log of a closed socket."""
        if (frame_log := self._logs.pop(connection, None)) is not None:
            frame_log.closed(code)
