"""The ICE directory as a mounted file that changes while the pod runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from switchboard_signaling.ice import credentials
from switchboard_signaling.ice.directory import Directory, DirectoryError, Server, parse
from switchboard_signaling.wire.messages import IceServer

log = structlog.get_logger(__name__)

Stamp = tuple[int, int, int]
MISSING: Final[Stamp] = (0, 0, 0)


class IceFile:
    """Rereads the directory when the file changes; an invalid or missing file leaves the previous one in use."""

    def __init__(self, path: Path | None, clock: Callable[[], float], static: Server | None = None) -> None:
        """`clock` returns seconds since the epoch; `static` is a server in addition to the file's."""
        self._static = [] if static is None else [static]
        self._path = path
        self._clock = clock
        self._stamp: Stamp | None = None
        self._directory = Directory(servers=self._static)

    def servers(self, name: str) -> list[IceServer]:
        """Return the ICE servers with credentials for a client."""
        return credentials.ice_servers(self.directory(), name, self._clock())

    def ttl_ms(self) -> int:
        """Return for how many milliseconds they are valid."""
        return credentials.ttl_ms(self.directory())

    def directory(self) -> Directory:
        """Return the newest valid directory; one `stat` call if nothing has changed."""
        if self._path is None:
            return self._directory
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = MISSING
        if stamp != self._stamp:
            self._stamp = stamp
            self._read(self._path)
        return self._directory

    def _read(self, path: Path) -> None:
        try:
            found = parse(path.read_bytes())
        except (OSError, DirectoryError) as error:
            log.warning("ice_directory_invalid", effect="keeping the previous one", file=str(path), error=str(error))
        else:
            self._directory = Directory(servers=[*found.servers, *self._static])
            log.info("ice_directory_read", servers=len(found.servers))
