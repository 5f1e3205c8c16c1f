"""One client's socket: what the session wants is done, in order, and no fault leaves it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType
from structlog.testing import capture_logs

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.server.sockets import connection as module
from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.server.sockets.writer import MAX_UNSENT, WriteBatcher
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.effects import (
    Ask,
    Attach,
    Close,
    Effect,
    Limited,
    Record,
    Send,
    SendHint,
    Suspect,
    Verify,
)
from switchboard_signaling.session.events import Welcomed
from switchboard_signaling.session.hints import MatchChanged
from switchboard_signaling.session.limits import UNLIMITED, Rate
from switchboard_signaling.session.records import ReadSession
from switchboard_signaling.wire import errors, messages

SECONDS = 5.0
GOAWAY = messages.Goaway(within_ms=1)


class FakeSession:
    """Returns the effects that a test sets, and keeps its calls."""

    session_id = "s"
    match = None

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.wants: list[Effect] = []

    def receive(self, frame: Any, _now: float) -> list[Effect]:
        self.calls.append(frame)
        return self.wants

    def refused(self, error: errors.ProtocolError) -> list[Effect]:
        self.calls.append(error.kind)
        return []

    def answered(self, question: Any, reply: Any, _now: float) -> list[Effect]:
        self.calls.append((question, reply))
        return []

    def unanswered(self, question: Any) -> list[Effect]:
        self.calls.append((question, None))
        return []

    def verified(self, found: Any, _now: float) -> list[Effect]:
        self.calls.append(found)
        return []

    def closed(self) -> list[Effect]:
        self.calls.append("closed")
        return []


class FakeSocket:
    """A WebSocket whose messages a test puts in."""

    closed = False
    close_code: int | None = None

    def __init__(self) -> None:
        self.messages: asyncio.Queue[WSMessage] = asyncio.Queue()
        self.closed_with: list[tuple[int, bytes]] = []

    async def receive(self) -> WSMessage:
        return await self.messages.get()

    async def close(self, *, code: int, message: bytes, drain: bool) -> None:
        assert drain is False
        self.closed_with.append((code, message))

    def text(self, data: bytes) -> None:
        self.messages.put_nowait(WSMessage(WSMsgType.TEXT, data, None))


class FakeTransport:
    """Takes what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.waiting = 0
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True


class World:
    """A connection among fakes; it is also its hub, its broker and its client address."""

    frame_rate = UNLIMITED

    def __init__(self) -> None:
        self.batcher = WriteBatcher()
        self.session, self.socket, self.transport = FakeSession(), FakeSocket(), FakeTransport()
        self.metrics = Metrics()
        self.done: list[Any] = []
        self.reply: Any = "reply"
        self.given: tuple[Any, ...] = (self.socket, self.transport, self.session, self, self, self.metrics, self)
        self.connection = Connection(*self.given)

    def attach(self, _connection: Connection, socket_number: int) -> None:
        self.done.append(("attach", socket_number))

    def send_hint(self, pod: str, hint: Any) -> None:
        self.done.append(("send_hint", pod, hint))

    def record(self, _session: Any, fact: Any) -> None:
        self.done.append(("record", fact))

    def suspect(self) -> None:
        self.done.append("suspect")

    async def verify(self, token: str) -> str:
        if token == "fault":
            raise RuntimeError("a fault of ours")
        return f"verdict on {token}"

    async def ask(self, _question: Any) -> Any:
        if isinstance(self.reply, Exception):
            raise self.reply
        return await self.reply() if callable(self.reply) else self.reply

    def metric(self, line: str) -> bool:
        return f"switchboard_signaling_{line}" in self.metrics.text().decode().splitlines()


@pytest.fixture
async def world() -> World:
    return World()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the connection's tasks run in this loop
            await asyncio.sleep(0)


async def test_effects_are_performed_in_their_order(world: World) -> None:
    hint, fact = MatchChanged("s", "m"), Welcomed(resumed=False)
    world.connection.perform(
        [Attach("s", 3), SendHint("pod", hint), Record(fact), Suspect(), Send(GOAWAY), Limited("sdp")]
    )
    assert world.done == [("attach", 3), ("send_hint", "pod", hint), ("record", fact), "suspect"]
    await until(lambda: world.transport.written)
    assert world.transport.written.endswith(messages.encode(GOAWAY))
    assert world.metric('limited_total{limit="sdp"} 1.0')


async def test_frames_before_a_close_are_written_before_it(world: World) -> None:
    world.connection.perform([Send(GOAWAY), Close(errors.GOING_AWAY), Close(errors.INTERNAL)])
    assert world.transport.written.endswith(messages.encode(GOAWAY))
    await until(lambda: world.socket.closed_with)
    assert world.socket.closed_with == [(errors.GOING_AWAY.code, errors.GOING_AWAY.reason.encode())]
    assert not world.transport.aborted


async def test_a_client_that_does_not_read_is_closed_without_waiting(world: World) -> None:
    world.transport.waiting = MAX_UNSENT + 1
    world.connection.perform([Send(GOAWAY)])
    await until(lambda: world.transport.aborted)
    assert [code for code, _ in world.socket.closed_with] == [errors.CLOSE_TOO_SLOW.code]


async def test_the_store_s_reply_goes_to_the_session(world: World) -> None:
    world.connection.perform([Ask(ReadSession("s"))])
    await until(lambda: world.session.calls)
    assert world.session.calls == [(ReadSession("s"), "reply")]


async def test_an_unavailable_or_slow_store_leaves_the_question_unanswered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.01)
    for reply in (BrokerUnavailableError("away"), asyncio.Event().wait):
        world.reply = reply
        world.connection.perform([Ask(ReadSession("s"))])
        await until(lambda: world.session.calls)
        assert world.session.calls == [(ReadSession("s"), None)]
        world.session.calls.clear()
    assert world.socket.closed_with == []


async def test_more_questions_than_may_wait_are_unanswered(world: World) -> None:
    world.reply = asyncio.Event().wait
    world.connection.perform([Ask(ReadSession("s"))] * (module.MAX_QUESTIONS + 1))
    assert world.session.calls == [(ReadSession("s"), None)]
    await world.connection._questions.cancel()


async def test_the_verdict_on_a_jwt_goes_to_the_session(world: World) -> None:
    world.connection.perform([Verify("jwt")])
    await until(lambda: world.session.calls)
    assert world.session.calls == ["verdict on jwt"]


@pytest.mark.parametrize("fault", ["store", "jwt", "decision"])
async def test_a_fault_closes_this_socket_and_is_counted(world: World, fault: str) -> None:
    world.reply = RuntimeError("a fault of ours")
    with capture_logs() as lines:
        match fault:
            case "store":
                world.connection.perform([Ask(ReadSession("s"))])
            case "jwt":
                world.connection.perform([Verify("fault")])
            case "decision":
                world.connection.change(lambda _now: [][1])
        await until(lambda: world.socket.closed_with)
    assert [code for code, _ in world.socket.closed_with] == [errors.INTERNAL.code]
    assert [line["session"] for line in lines if line["event"] == "work_failed"] == ["s"]
    assert world.metric('faults_total{work="session"} 1.0')


async def test_frames_are_received_until_the_socket_closes_and_invalid_ones_refused(world: World) -> None:
    serving = asyncio.create_task(world.connection.run())
    hello = messages.Hello(socket_number=1, instance="i")
    world.socket.text(messages.encode(hello))
    world.socket.messages.put_nowait(WSMessage(WSMsgType.BINARY, b"", None))
    world.socket.text(b"{")
    world.socket.close_code = 1001
    world.socket.messages.put_nowait(WSMessage(WSMsgType.CLOSE, 1001, None))
    assert await serving == 1001
    assert world.session.calls == [hello, errors.BAD_FRAME, errors.BAD_FRAME, "closed"]
    assert world.metric(f'frames_refused_total{{code="{errors.BAD_FRAME.code}"}} 2.0')


async def test_a_client_above_its_rate_is_read_more_slowly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.frame_rate = Rate(0.1, 1)
    limited = Connection(*world.given)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(module, "pause", pause)
    for _ in range(3):
        world.socket.text(messages.encode(messages.Hello(socket_number=1, instance="i")))
    world.socket.messages.put_nowait(WSMessage(WSMsgType.CLOSE, 1001, None))
    await limited.run()
    assert len(world.session.calls) == 4
    assert [0 < pause < 10 * number for number, pause in enumerate(pauses, 1)] == [True, True]
    assert world.metric('limited_total{limit="frames"} 2.0')


async def test_our_own_close_code_is_the_one_that_counts(world: World) -> None:
    serving = asyncio.create_task(world.connection.run())
    world.connection.close(errors.GOING_AWAY)
    world.socket.messages.put_nowait(WSMessage(WSMsgType.CLOSED, None, None))
    assert await serving == errors.GOING_AWAY.code


async def test_a_broken_connection_has_no_close_code_and_its_last_questions_are_asked(world: World) -> None:
    world.socket.close_code = 1000  # so aiohttp calls it
    world.session.closed = lambda: [Ask(ReadSession("s"))]  # type: ignore[method-assign]
    serving = asyncio.create_task(world.connection.run())
    world.socket.messages.put_nowait(WSMessage(WSMsgType.CLOSED, None, None))
    assert await serving is None
    assert world.session.calls == [(ReadSession("s"), "reply")]
