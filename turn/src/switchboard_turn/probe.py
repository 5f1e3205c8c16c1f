"""Probe a TURN server: an authenticated allocation over UDP, released at once."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import dataclass

from switchboard_turn.allocation import Allocation, ProbeError, TurnCredentials
from switchboard_turn.stun import Address

RETRANSMIT = 0.5
"""Seconds before the first retransmission; doubled each time (RFC 8489, section 6.2.1)."""
LARGEST = 2048
"""Maximum bytes of a datagram; responses to an allocation have about 150."""


@dataclass(frozen=True)
class ProbeResult:
    """A successful probe."""

    seconds: float
    """Seconds from the first request to the granted allocation."""
    relayed: Address


async def probe(server: Address, credentials: TurnCredentials, timeout: float = 2.0) -> ProbeResult:  # noqa: ASYNC109 - part of what is measured
    """Allocate a relay address within `timeout` seconds, and release it.

    Raises `ProbeError`: `timeout`, `unreachable`, or the number of the server's error.
    """
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            family, _, _, _, address = (await loop.getaddrinfo(*server, type=socket.SOCK_DGRAM))[0]
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                udp.setblocking(False)
                await loop.sock_connect(udp, address)
                relayed = await _allocate(udp, Allocation(credentials, lambda: os.urandom(12)))
    except TimeoutError as error:
        raise ProbeError("timeout", f"{server[0]}:{server[1]} did not answer within {timeout:g} s") from error
    except OSError as error:
        raise ProbeError("unreachable", f"{server[0]}:{server[1]} cannot be reached: {error.strerror}") from error
    return ProbeResult(time.monotonic() - began, relayed)


async def _allocate(udp: socket.socket, allocation: Allocation) -> Address:
    loop = asyncio.get_running_loop()
    pause = RETRANSMIT
    while allocation.relayed is None:
        await loop.sock_sendall(udp, allocation.request)
        try:
            async with asyncio.timeout(pause):
                while not allocation.receive(await loop.sock_recv(udp, LARGEST)):
                    pass
            pause = RETRANSMIT
        except TimeoutError:
            pause *= 2
    # Sent once, without waiting for the response: an allocation that is not released expires.
    await loop.sock_sendall(udp, allocation.release())
    return allocation.relayed
