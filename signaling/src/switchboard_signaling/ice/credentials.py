"""ICE servers with credentials for one client: pure.

Time-limited credentials follow draft-uberti-behave-turn-rest-00 section 2.2. The username is the expiry in seconds
since the epoch, a colon and a name of the client. The credential is the base64 of HMAC-SHA1 over it, which the TURN
server accepts as the password of the long-term mechanism (RFC 8489 section 9.2).
"""

import base64
import hmac
from typing import Final

from switchboard_signaling.ice.directory import Directory, HmacAuth, Server, StaticAuth
from switchboard_signaling.wire.messages import IceServer

ICE_TTL_MS: Final = 3_600_000
"""How long ICE servers are valid, unless one of their credentials expires sooner."""


def ice_servers(directory: Directory, name: str, now: float) -> list[IceServer]:
    """Return the healthy servers for client `name` at `now` (seconds since the epoch), in order.

    If no server is healthy, all are returned: wrong probes should slow calls down, not prevent them.
    """
    healthy = [server for server in directory.servers if server.healthy] or directory.servers
    found: list[IceServer] = []
    for server in healthy:
        if server.stun_urls:
            found.append(IceServer(server.stun_urls))
        if server.urls:
            found.append(_with_credentials(server, name, now))
    return found


def ttl_ms(directory: Directory) -> int:
    """Return for how many milliseconds credentials made now are valid, at most ICE_TTL_MS."""
    spans = [server.auth.ttl_seconds * 1000 for server in directory.servers if isinstance(server.auth, HmacAuth)]
    return min([ICE_TTL_MS, *spans])


def time_limited(secret: str, name: str, expiry: int) -> tuple[str, str]:
    """Return username and credential that a TURN server with this secret accepts until `expiry` (epoch seconds)."""
    username = f"{expiry}:{name}"
    digest = hmac.digest(secret.encode(), username.encode(), "sha1")
    return username, base64.b64encode(digest).decode()


def _with_credentials(server: Server, name: str, now: float) -> IceServer:
    match server.auth:
        case HmacAuth(secret=secret, ttl_seconds=ttl):
            username, credential = time_limited(secret, name, int(now) + ttl)
            return IceServer(server.urls, username, credential)
        case StaticAuth(username=username, credential=credential):
            return IceServer(server.urls, username, credential)
    return IceServer(server.urls)
