"""The directory of ICE servers that the operator writes for a pool, as typed data."""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

VERSION = 1


class DirectoryError(Exception):
    """The directory is invalid; the message names the place and the expected type."""


class HmacAuth(Struct, tag="hmac", rename="camel", frozen=True, kw_only=True):
    """Time-limited credentials, derived from a secret shared with the TURN server."""

    secret: Annotated[str, Meta(min_length=1)]
    ttl_seconds: Annotated[int, Meta(ge=60, le=7 * 24 * 3600)] = 3600


class StaticAuth(Struct, tag="static", frozen=True, kw_only=True):
    """The same username and credential for all clients."""

    username: str
    credential: str


Auth: TypeAlias = HmacAuth | StaticAuth


class Server(Struct, rename="camel", frozen=True, kw_only=True):
    """One TURN server or STUN server of a fleet."""

    urls: list[str] = []
    stun_urls: list[str] = []
    auth: Auth | None = None
    fleet: str = ""
    region: str = ""
    healthy: bool = True


class Directory(Struct, frozen=True, kw_only=True):
    """All ICE servers of a pool, best first."""

    version: Literal[1] = 1
    servers: list[Server] = []


_decoder = msgspec.json.Decoder(Directory)


def parse(data: bytes) -> Directory:
    """Return the directory; raises DirectoryError, which never quotes a secret."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DirectoryError(str(error)) from None
