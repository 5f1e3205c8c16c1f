"""The hub: ticks are spread over all sessions, and ended sessions are forgotten."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.server.pod import SignalingPod, make_pod
from switchboard_signaling.server.sockets import hub
from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.session.effects import Effect
from switchboard_signaling.settings import ServerSettings

SECONDS = 5.0


class Session:
    """Counts its ticks."""

    match = None

    def __init__(self, number: int) -> None:
        self.session_id = str(number)
        self.socket_number = 1
        self.ticks = 0

    def tick(self, _now: float) -> list[Effect]:
        self.ticks += 1
        return []


class Socket:
    """A connection that is open until the test ends it."""

    def __init__(self, number: int) -> None:
        self.session = Session(number)
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        return await self.end

    def change(self, decide: Callable[[float], list[Effect]]) -> None:
        decide(0.0)


async def serve(pod: SignalingPod, socket: Socket) -> None:
    """Serve a socket until it ends."""
    connection = cast("Connection", socket)
    pod.hub.opened(connection)
    pod.hub.closed(connection, await connection.run())


async def test_each_session_gets_its_tick_and_ticks_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "TICK_SECONDS", 0.0)
    pod = make_pod(ServerSettings())
    sockets = [Socket(number) for number in range(3 * hub.SPOKES)]
    serving = [asyncio.create_task(serve(pod, socket)) for socket in sockets]
    await asyncio.sleep(0)
    assert pod.hub.connections == len(sockets)
    assert [len(spoke) for spoke in pod.hub._wheel] == [3] * hub.SPOKES
    running = asyncio.create_task(pod.hub.run())
    async with asyncio.timeout(SECONDS):
        while any(socket.session.ticks < 2 for socket in sockets):  # noqa: ASYNC110 - the hub runs in this loop
            await asyncio.sleep(0)
    counts = {socket.session.ticks for socket in sockets}
    assert max(counts) - min(counts) <= 1
    running.cancel()
    for socket in sockets:
        socket.end.set_result(1000)
    await asyncio.wait([running, *serving])
    assert pod.hub.connections == 0
    assert not any(pod.hub._wheel)


async def test_detached_sessions_are_forgotten_after_their_resume_window() -> None:
    pod = make_pod(ServerSettings(resume_window_seconds=60))
    socket = Socket(1)
    pod.hub.attach(cast("Connection", socket), 1)
    serving = asyncio.create_task(serve(pod, socket))
    socket.end.set_result(1006)
    await serving
    [until] = pod.hub._detached.values()
    pod.hub._forget_detached(until - 0.001)
    assert pod.hub.active_sessions == 1
    pod.hub._forget_detached(until)
    assert pod.hub.active_sessions == 0


class Faulty:
    """A listener that fails."""

    def note(self, *_: object) -> None:
        raise RuntimeError("a fault of ours")

    closed = gone = note


async def test_a_failing_listener_disturbs_no_session_and_is_counted() -> None:
    pod = make_pod(ServerSettings(resume_window_seconds=60))
    pod.hub._listeners = [Faulty(), *pod.hub._listeners]
    socket = Socket(1)
    pod.hub.attach(cast("Connection", socket), 1)
    serving = asyncio.create_task(serve(pod, socket))
    socket.end.set_result(1006)
    await serving
    [until] = pod.hub._detached.values()
    pod.hub._forget_detached(until)
    assert pod.hub.active_sessions == 0
    assert 'switchboard_signaling_faults_total{work="listener"} 2.0' in pod.metrics.text().decode()


async def test_a_proposal_that_cannot_be_announced_blocks_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = make_pod(ServerSettings())
    announced: list[str] = []

    async def proposals() -> list[str]:
        return ["one", "two"]

    async def announce(proposal: str) -> None:
        if proposal == "one":
            raise KeyError(proposal)
        announced.append(proposal)

    monkeypatch.setattr(pod.broker, "proposals", proposals)
    monkeypatch.setattr(pod.hub, "_announce", cast("Callable[[Proposal], None]", announce))
    running = asyncio.create_task(pod.hub.run())
    pod.hub._mail.set()
    async with asyncio.timeout(SECONDS):
        while not announced:  # noqa: ASYNC110 - the hub runs in this loop
            await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    assert 'switchboard_signaling_faults_total{work="mailbox"} 1.0' in pod.metrics.text().decode()
