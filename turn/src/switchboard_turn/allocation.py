"""The client's side of an authenticated allocation (RFC 8656, section 7): responses in, requests out. Pure."""

from __future__ import annotations

import base64
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from switchboard_turn import stun
from switchboard_turn.stun import Address, Attribute, Class, Message, Method, StunError

UDP = struct.pack("!B3x", 17)
"""The value of REQUESTED-TRANSPORT for a relay over UDP (RFC 8656, section 18.7)."""
UNAUTHENTICATED, STALE_NONCE = 401, 438
ATTEMPTS = 3
"""Maximum number of requests: one that is challenged, one with credentials, and one more for a stale nonce."""
DEFAULT_PORT = 3478
"""RFC 7065, section 3.2."""


class ProbeError(Exception):
    """The allocation failed; `code` is a stable kebab-case identifier or the server's error number."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class TurnCredentials:
    """A username and its password."""

    username: str
    password: str


def time_limited(secret: str, name: str, expires: int) -> TurnCredentials:
    """Return credentials that a server with the shared secret accepts until `expires` (seconds since 1970).

    By draft-uberti-behave-turn-rest-00, section 2.2.
    """
    username = f"{expires}:{name}"
    digest = hmac.digest(secret.encode(), username.encode(), "sha1")
    return TurnCredentials(username, base64.b64encode(digest).decode())


def parse_url(url: str) -> Address:
    """Return the host and the port of a `turn:` URL over UDP (RFC 7065). Raises `ProbeError`."""
    scheme, _, rest = url.partition(":")
    location, _, query = rest.partition("?")
    if scheme != "turn" or parse_qs(query).get("transport", ["udp"]) != ["udp"]:
        raise ProbeError("unsupported-url", f"{url}: only turn:HOST[:PORT][?transport=udp] can be probed")
    host, colon, port = location.rpartition(":")
    if not colon or location.endswith("]"):
        host, port = location, str(DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ProbeError("unsupported-url", f"{url}: no host, or no port from 1 to 65535")
    return host.strip("[]"), int(port)


class Allocation:
    """One attempt to allocate a relay address."""

    def __init__(self, credentials: TurnCredentials, new_transaction: Callable[[], bytes]) -> None:
        """`new_transaction` returns 12 random bytes."""
        self.relayed: Address | None = None
        """The relay address, once the server has granted it."""
        self._credentials = credentials
        self._new_transaction = new_transaction
        self._challenge: tuple[bytes, bytes] | None = None
        self._attempts = 0
        self._request = self._next()

    @property
    def request(self) -> bytes:
        """The request to send now, and to retransmit until it is answered."""
        return self._request

    def receive(self, data: bytes) -> bool:
        """Process a datagram; True if it answered the request. Raises `ProbeError` if the server refuses.

        Malformed and forged datagrams, and answers to other requests, are ignored.
        """
        try:
            return self._process(data)
        except StunError:
            return False

    def release(self) -> bytes:
        """Return the request that releases the relay address (RFC 8656, section 8)."""
        return self._encode(Method.REFRESH, (Attribute.LIFETIME, struct.pack("!I", 0)))

    def _process(self, data: bytes) -> bool:
        answer = stun.decode(data)
        if answer.transaction != self._transaction or not stun.fingerprint_matches(data):
            return False
        if answer.kind is Class.ERROR:
            self._refused(answer)
            return True
        if answer.kind is not Class.SUCCESS or self._challenge is None or not stun.verify(data, self._key()):
            return False
        relayed = answer.get(Attribute.XOR_RELAYED_ADDRESS)
        if relayed is None:
            return False
        self.relayed = stun.xor_address(relayed, answer.transaction)
        return True

    def _refused(self, answer: Message) -> None:
        number, reason = stun.error_code(answer.get(Attribute.ERROR_CODE) or b"")
        realm, nonce = answer.get(Attribute.REALM), answer.get(Attribute.NONCE)
        wrong = number == UNAUTHENTICATED and self._challenge is not None
        if (
            number not in {UNAUTHENTICATED, STALE_NONCE}
            or wrong
            or self._attempts == ATTEMPTS
            or not realm
            or not nonce
        ):
            raise ProbeError(str(number), f"the server refuses: {number} {reason}".rstrip())
        self._challenge = (realm, nonce)
        self._request = self._next()

    def _next(self) -> bytes:
        self._attempts += 1
        return self._encode(Method.ALLOCATE, (Attribute.REQUESTED_TRANSPORT, UDP))

    def _encode(self, method: Method, attribute: tuple[Attribute, bytes]) -> bytes:
        self._transaction = self._new_transaction()
        attributes: list[tuple[int, bytes]] = [attribute]
        if self._challenge is None:
            return stun.encode(Message(method, Class.REQUEST, self._transaction, tuple(attributes)))
        realm, nonce = self._challenge
        attributes += [
            (Attribute.USERNAME, self._credentials.username.encode()),
            (Attribute.REALM, realm),
            (Attribute.NONCE, nonce),
        ]
        return stun.encode(Message(method, Class.REQUEST, self._transaction, tuple(attributes)), self._key())

    def _key(self) -> bytes:
        realm = self._challenge[0].decode(errors="replace") if self._challenge else ""
        return stun.long_term_key(self._credentials.username, realm, self._credentials.password)
