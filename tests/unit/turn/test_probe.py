"""The probe, against a server on the loopback address."""

import asyncio
import socket

import pytest
from tests.unit.turn.server import RELAYED, Server, serving

from switchboard_turn import probe as probes
from switchboard_turn.allocation import ProbeError, time_limited
from switchboard_turn.probe import probe
from switchboard_turn.stun import Method

USER = time_limited("secret", "probe", 4102444800)


async def test_an_allocation_is_made_and_released() -> None:
    server = Server()
    async with serving(server) as address:
        answer = await probe(address, USER)
        async with asyncio.timeout(10):
            await server.released.wait()
    assert answer.relayed == RELAYED
    assert 0 < answer.seconds < 2
    assert server.methods == [Method.ALLOCATE, Method.ALLOCATE, Method.REFRESH]


async def test_a_lost_datagram_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "RETRANSMIT", 0.02)
    server = Server(drop=lambda number: number in {0, 2})
    async with serving(server) as address:
        assert (await probe(address, USER)).relayed == RELAYED


async def test_a_wrong_secret_is_reported() -> None:
    async with serving(Server(secret="another")) as address:
        with pytest.raises(ProbeError) as caught:
            await probe(address, USER)
    assert caught.value.code == "401"


async def test_silence_ends_at_the_timeout() -> None:
    async with serving(Server(drop=lambda _: True)) as address:
        with pytest.raises(ProbeError, match=r"did not answer within 0\.1 s") as caught:
            await probe(address, USER, timeout=0.1)
    assert caught.value.code == "timeout"


async def test_a_closed_port_is_reported() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with pytest.raises(ProbeError, match="cannot be reached") as caught:
        await probe(address, USER)
    assert caught.value.code == "unreachable"
