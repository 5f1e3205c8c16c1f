"""A TURN server for tests: it challenges, then grants or refuses."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from switchboard_turn import stun
from switchboard_turn.allocation import TurnCredentials, time_limited
from switchboard_turn.stun import Address, Attribute, Class, Message, Method

REALM = b"switchboard"
RELAYED = ("192.0.2.1", 32853)


def refusal(request: Message, number: int, *, nonce: bytes | None = b"nonce") -> bytes:
    """Return an error response; a challenge unless `nonce` is None."""
    attributes = [(int(Attribute.ERROR_CODE), struct.pack("!HBB", 0, number // 100, number % 100) + b"No")]
    if nonce is not None:
        attributes += [(Attribute.REALM, REALM), (Attribute.NONCE, nonce)]
    return stun.encode(Message(request.method, Class.ERROR, request.transaction, tuple(attributes)))


def grant(request: Message, credentials: TurnCredentials) -> bytes:
    """Return a success response with the relayed address."""
    mask = struct.pack("!I", stun.MAGIC_COOKIE)
    packed = bytes(one ^ other for one, other in zip(bytes([192, 0, 2, 1]), mask, strict=True))
    value = struct.pack("!BBH", 0, 1, RELAYED[1] ^ 0x2112) + packed
    key = stun.long_term_key(credentials.username, REALM.decode(), credentials.password)
    attributes = ((int(Attribute.XOR_RELAYED_ADDRESS), value),)
    return stun.encode(Message(request.method, Class.SUCCESS, request.transaction, attributes), key)


@dataclass
class Server(asyncio.DatagramProtocol):
    """Serves one shared secret over UDP; `drop` selects the datagrams to lose, counted from 0."""

    secret: str = "secret"
    drop: Callable[[int], bool] = lambda _: False
    methods: list[int] = field(default_factory=list)
    received: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: Address) -> None:
        self.received += 1
        if self.drop(self.received - 1):
            return
        request = stun.decode(data)
        self.methods.append(request.method)
        username = (request.get(Attribute.USERNAME) or b"").decode()
        if not username:
            answer = refusal(request, 401)
        else:
            expires, _, name = username.partition(":")
            credentials = time_limited(self.secret, name, int(expires))
            key = stun.long_term_key(username, REALM.decode(), credentials.password)
            answer = grant(request, credentials) if stun.verify(data, key) else refusal(request, 401)
        if request.method == Method.ALLOCATE:
            self.transport.sendto(answer, address)
        else:
            self.released.set()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Address]:
    """Let a server answer on a loopback address."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
    try:
        host, port = transport.get_extra_info("sockname")[:2]
        yield host, port
    finally:
        transport.close()
