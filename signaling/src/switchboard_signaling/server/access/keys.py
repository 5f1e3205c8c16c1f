"""Keys from a mounted Secret: a folder with one file per key."""

import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import structlog

log = structlog.get_logger(__name__)

MIN_KEY_BYTES: Final = 16
MIN_SECRET_BYTES: Final = 32
"""Minimum length of a key for HS256 (RFC 7518 section 3.2)."""

_Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]


class KeysError(Exception):
    """The folder of keys is unusable; the message names the file and the remedy."""


def token_keys(folder: Path | None) -> dict[str, bytes]:
    """Return the pool's token keys by file name; without a folder, a random key that ends with the process.

    Raises KeysError.
    """
    return {"current": secrets.token_bytes(32)} if folder is None else _read(folder, MIN_KEY_BYTES)


class SharedSecrets:
    """The secrets of a folder, reread when a file changes; the previous ones stay if the new ones are unusable."""

    def __init__(self, folder: Path, what: str = "JWT secrets", key_of: Callable[[bytes], bytes] = bytes) -> None:
        """Read the folder; raises KeysError if it is unusable.

        `what` describes the secrets in the log. `key_of` returns the key in a file's content, or raises ValueError
        with the remedy.
        """
        self._folder = folder
        self._what = what
        self._key_of = key_of
        self._stamp = _stamp(folder)
        self._keys = _read(folder, MIN_SECRET_BYTES, key_of)

    def keys(self) -> list[bytes]:
        """Return the newest usable secrets; a few `stat` calls if nothing has changed."""
        stamp = _stamp(self._folder)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._keys = _read(self._folder, MIN_SECRET_BYTES, self._key_of)
            except KeysError as error:
                remedy = "fix the file; the previous secrets stay in use until then"
                log.error("secrets_refused", what=self._what, error=str(error), remedy=remedy)  # noqa: TRY400 - not a bug
            else:
                log.info("secrets_read", what=self._what, count=len(self._keys))
        return list(self._keys.values())

    def include(self, text: str) -> bool:
        """Return whether a text is one of the secrets, in constant time."""
        shown = text.encode(errors="surrogateescape")  # as aiohttp decodes headers
        return any([hmac.compare_digest(shown, key) for key in self.keys()])  # noqa: C419 - no early end


def _read(folder: Path, at_least: int, key_of: Callable[[bytes], bytes] = bytes) -> dict[str, bytes]:
    try:
        keys = {file.name: file.read_bytes().strip() for file in _files(folder)}
    except OSError as error:
        raise KeysError(f"cannot read the keys in {folder}: {error.strerror}") from error
    if not keys:
        raise KeysError(f"{folder} has no keys. Remedy: put a key of at least {at_least} bytes into a file there")
    for name, key in keys.items():
        if len(key) < at_least:
            raise KeysError(f"the key {folder / name} is shorter than {at_least} bytes")
        try:
            keys[name] = key_of(key)
        except ValueError as error:
            raise KeysError(f"the secret {folder / name} {error}") from None
    return keys


def _stamp(folder: Path) -> _Stamp:
    try:
        found = [(file.name, file.stat()) for file in _files(folder)]
    except OSError:
        return ()
    return tuple((name, status.st_mtime_ns, status.st_size, status.st_ino) for name, status in found)


def _files(folder: Path) -> list[Path]:
    """Return the folder's files, except those that begin with a dot, which are Kubernetes' own."""
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))
