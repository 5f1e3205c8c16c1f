"""Every error and every close code of the catalogue happens: one way to bring each about."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.signaling.jwts import token
from tests.unit.signaling.pods import SHARED, Running, closed_with, pod_alone, receive
from tests.unit.signaling.world import ClientSocket, World

from switchboard_signaling.client import core as client
from switchboard_signaling.client.lanes import WINDOW
from switchboard_signaling.server.access.client_lists import of_session
from switchboard_signaling.session.effects import Send
from switchboard_signaling.session.hints import Disconnect
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.errors import CATALOGUE, CLOSE_CODES, CloseCode, ErrorKind
from switchboard_signaling.wire.fields import MAX_CHAT, MAX_FRAME_BYTES
from switchboard_signaling.wire.intents import Idle
from switchboard_signaling.wire.messages import Heartbeat, Hello, JoinQueue, Offer, Resume, Welcome

LANE = {"match_id": "m", "to": "peer", "seq": 1}


def offer(wire: ClientSocket, match_id: str = "m", sender: str | None = None) -> Offer:
    return Offer(match_id=match_id, from_=sender or wire.instance, to="peer", seq=1, sdp="v=0")


# Errors: each function makes a world in which a client is sent the error.


def bad_frame(world: World) -> ClientSocket:
    wire = world.hello()
    with pytest.raises(errors.ProtocolError) as caught:
        messages.decode_client("{")
    world.perform(wire, wire.session.refused(caught.value))
    return wire


def unknown_type(world: World) -> ClientSocket:
    wire = world.hello()
    with pytest.raises(errors.ProtocolError) as caught:
        messages.decode_client('{"type": "of-tomorrow"}')
    world.perform(wire, wire.session.refused(caught.value))
    return wire


def hello_first(world: World) -> ClientSocket:
    wire = world.socket()
    wire.send(Heartbeat(intent=Idle()))
    return wire


def already_welcome(world: World) -> ClientSocket:
    wire = world.hello()
    wire.send(Hello(socket_number=2, instance="i"))
    return wire


def stale_intent(world: World) -> ClientSocket:
    wire = world.hello()
    wire.send(JoinQueue(revision=2, ticket="t"))
    wire.send(JoinQueue(revision=1, ticket="t"))
    return wire


def not_in_match(world: World) -> ClientSocket:
    wire = world.hello()
    wire.send(offer(wire))
    return wire


def wrong_sender(world: World) -> ClientSocket:
    one, _, match_id = world.pair()
    one.send(offer(one, match_id, "another-instance"))
    return one


def peer_unreachable(world: World) -> ClientSocket:
    """Send in a match whose peer is unknown, because the store is down."""
    wire = world.hello()
    world.store.down = True
    wire.session.reconciler._view("m", world.now)
    wire.send(offer(wire))
    return wire


def store_unavailable(world: World) -> ClientSocket:
    wire = world.hello()
    world.store.down = True
    wire.send(JoinQueue(revision=1, ticket="t"))
    return wire


def session_unknown(world: World) -> ClientSocket:
    return world.resume("a.b.c", 1, Idle())


def auth_required(world: World) -> ClientSocket:
    world.auth_required = True
    return world.hello()


def auth_invalid(world: World) -> ClientSocket:
    world.auth_required = True
    return world.hello(auth="forged")


def auth_expired(world: World) -> ClientSocket:
    world.auth_required = True
    wire = world.hello(auth="ada 30")
    world.pass_time(30, wire)
    return wire


def rate_limited(world: World) -> ClientSocket:
    one, _, match_id = world.pair()
    for _ in range(51):
        one.send(offer(one, match_id))
    return one


def blocked(world: World) -> ClientSocket:
    world.auth_required = True
    world.blocked.add("ada")
    return world.hello(auth="ada 300")


ERRORS: dict[ErrorKind, Callable[[World], ClientSocket]] = {
    errors.BAD_FRAME: bad_frame,
    errors.UNKNOWN_TYPE: unknown_type,
    errors.HELLO_FIRST: hello_first,
    errors.ALREADY_WELCOME: already_welcome,
    errors.STALE_INTENT: stale_intent,
    errors.NOT_IN_MATCH: not_in_match,
    errors.WRONG_SENDER: wrong_sender,
    errors.PEER_UNREACHABLE: peer_unreachable,
    errors.STORE_UNAVAILABLE: store_unavailable,
    errors.SESSION_UNKNOWN: session_unknown,
    errors.AUTH_REQUIRED: auth_required,
    errors.AUTH_INVALID: auth_invalid,
    errors.AUTH_EXPIRED: auth_expired,
    errors.RATE_LIMITED: rate_limited,
    errors.BLOCKED: blocked,
}
BY_THE_SERVER = {errors.POOL_BUSY, errors.RETRY, errors.AUTH_UNAVAILABLE, errors.ORIGIN_REFUSED}


def test_there_is_a_way_to_every_error() -> None:
    assert ERRORS.keys() | BY_THE_SERVER == set(CATALOGUE)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_the_error_is_sent_as_the_catalogue_has_it(kind: ErrorKind) -> None:
    frame = ERRORS[kind](World()).take(messages.ErrorFrame)
    assert (frame.code, frame.remedy, frame.retryable) == (kind.code, kind.remedy, kind.retryable)
    assert frame.message.startswith(kind.message)


async def test_a_full_pod_is_busy(tmp_path: Path) -> None:
    async with pod_alone(tmp_path, capacity=1) as running:
        await running.welcomed()
        frame = await receive(await running.socket())
    assert isinstance(frame, messages.ErrorFrame)
    assert (frame.code, frame.remedy) == (errors.POOL_BUSY.code, errors.POOL_BUSY.remedy)


async def test_a_cordoned_pod_says_that_another_one_takes_the_client(tmp_path: Path) -> None:
    async with pod_alone(tmp_path) as running:
        running.pod.drain.cordoned = True
        frame = await receive(await running.socket())
    assert isinstance(frame, messages.ErrorFrame)
    assert (frame.code, frame.remedy, frame.retryable) == (errors.RETRY.code, errors.RETRY.remedy, True)


async def test_a_page_of_another_origin_receives_the_remedy(tmp_path: Path) -> None:
    async with pod_alone(tmp_path) as running:
        socket = await running.socket(Origin="https://evil.example")
        frame = await receive(socket)
        assert isinstance(frame, messages.ErrorFrame)
        assert (frame.code, frame.remedy) == (errors.ORIGIN_REFUSED.code, errors.ORIGIN_REFUSED.remedy)
        assert not frame.retryable
        await closed_with(socket)
        assert running.pod.hub.active_sessions == running.pod.hub.connections == 0


async def test_unavailable_keys_are_no_fault_of_the_client(tmp_path: Path) -> None:
    async with pod_alone(tmp_path, auth_type="JWKS", auth_jwks_url="http://127.0.0.1:1/keys") as running:
        frame = await receive(await running.greeted(Hello(socket_number=1, instance="i", auth=token())))
    assert isinstance(frame, messages.ErrorFrame)
    assert (frame.code, frame.remedy) == (errors.AUTH_UNAVAILABLE.code, errors.AUTH_UNAVAILABLE.remedy)
    assert frame.retryable


# Two errors are a client's own, before anything is sent.


def test_a_client_finds_a_full_window_and_a_long_chat_itself() -> None:
    core = client.ClientSession(lambda: "id")
    core.greet()
    core.receive(Welcome(session_id="s", token="t", intent=Idle(), timeouts=messages.Timeouts(1, 2, 3), next_ms=1), 0)
    core.join()
    core.receive(
        messages.MatchFound(match_id="m", role="polite", peer="p", state="open", ice_servers=[], ttl_ms=1, ticket="id"),
        0,
    )
    long = messages.Chat(from_="-", id="c", text="x" * (MAX_CHAT + 1), **LANE)
    assert [one.code for one in core.say(long, 0) if isinstance(one, client.ClientProblem)] == ["bad-frame"]
    for _ in range(WINDOW):
        core.say(messages.IceRestart(from_="-", **LANE), 0)
    full = core.say(messages.IceRestart(from_="-", **LANE), 0)
    assert [one.code for one in full if isinstance(one, client.ClientProblem)] == ["peer-unreachable"]


# Close codes: each function has a socket of a running pod closed with it.


async def raw(running: Running, *texts: str) -> int | None:
    socket = await running.welcomed()
    for text in texts:
        await socket.send_str(text)
    return await closed_with(socket)


async def greeted(running: Running, frame: messages.ClientFrame) -> int | None:
    return await closed_with(await running.greeted(frame))


async def going_away(running: Running) -> int | None:
    socket = await running.welcomed()
    await running.pod.drain.stop(0)
    return await closed_with(socket)


async def too_big(running: Running) -> int | None:
    return await raw(running, " " * (2 * MAX_FRAME_BYTES))


async def bytes_after_welcome(running: Running, data: bytes) -> int | None:
    """Send bytes past the WebSocket library, masked with zeros where they are a frame (RFC 6455 section 5.3)."""
    socket = await running.welcomed()
    socket._response.connection.transport.write(data)  # type: ignore[union-attr]
    return await closed_with(socket)


async def no_frame(running: Running) -> int | None:
    return await bytes_after_welcome(running, b"\x83\x80" + bytes(4))


async def closed_without_text(running: Running) -> int | None:
    return await bytes_after_welcome(running, b"\x88\x83" + bytes(4) + b"\x03\xe8\xff")


async def internal(running: Running) -> int | None:
    socket = await running.welcomed()
    [connection] = running.pod.hub.open
    connection.change(lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    return await closed_with(socket)


async def third_bad_frame(running: Running) -> int | None:
    return await raw(running, "{", "{", "{")


async def no_hello(running: Running) -> int | None:
    return await greeted(running, Heartbeat(intent=Idle()))


async def no_jwt(running: Running) -> int | None:
    return await greeted(running, Hello(socket_number=1, instance="i"))


async def bad_jwt(running: Running) -> int | None:
    return await greeted(running, Hello(socket_number=1, instance="i", auth="bad"))


async def old_jwt(running: Running) -> int | None:
    return await greeted(running, Hello(socket_number=1, instance="i", auth=token(exp=1)))


async def good_jwt(running: Running) -> int | None:
    return await greeted(running, Hello(socket_number=1, instance="i", auth=token()))


async def unknown_session(running: Running) -> int | None:
    return await greeted(running, Resume(token="a.b.c", socket_number=1, instance="i", intent=Idle()))


async def silent(running: Running) -> int | None:
    socket = await running.welcomed()
    [connection] = running.pod.hub.open
    connection.change(lambda now: connection.session.tick(now + 600))
    return await closed_with(socket)


async def replaced(running: Running) -> int | None:
    first = await running.greeted(Hello(socket_number=2, instance="i"))
    welcome = await receive(first)
    assert isinstance(welcome, Welcome)
    return await greeted(running, Resume(token=welcome.token, socket_number=1, instance="i", intent=Idle()))


async def disconnected(running: Running) -> int | None:
    socket = await running.welcomed()
    [session_id] = running.pod.hub.sessions
    running.pod.hub.hinted(Disconnect(session_id))
    return await closed_with(socket)


async def a_blocked_subject(running: Running) -> int | None:
    socket = await running.welcomed()
    [session_id] = running.pod.hub.sessions
    await running.pod.blocks.add(of_session(session_id), 60)
    return await closed_with(socket)


async def too_slow(running: Running) -> int | None:
    """More is to be sent at once than may wait for a client."""
    socket = await running.welcomed()
    [connection] = running.pod.hub.open
    connection.perform([Send(messages.Goaway(within_ms=1))] * 100_000)
    return await closed_with(socket)


async def busy(running: Running) -> int | None:
    await running.welcomed()
    return await closed_with(await running.socket())


async def cordoned(running: Running) -> int | None:
    running.pod.drain.cordoned = True
    return await closed_with(await running.socket())


async def foreign(running: Running) -> int | None:
    return await closed_with(await running.socket(Origin="https://evil.example"))


Provoke = Callable[[Running], Awaitable[int | None]]
JWKS = {"auth_type": "JWKS", "auth_jwks_url": "http://127.0.0.1:1/keys"}
CLOSES: dict[CloseCode, tuple[Provoke, dict[str, object]]] = {
    errors.GOING_AWAY: (going_away, {}),
    errors.PROTOCOL_ERROR: (no_frame, {}),
    errors.NOT_TEXT: (closed_without_text, {}),
    errors.TOO_BIG: (too_big, {}),
    errors.INTERNAL: (internal, {}),
    errors.CLOSE_BAD_FRAME: (third_bad_frame, {}),
    errors.CLOSE_NO_HELLO: (no_hello, {}),
    errors.CLOSE_AUTH_REQUIRED: (no_jwt, SHARED),
    errors.CLOSE_AUTH_INVALID: (bad_jwt, SHARED),
    errors.CLOSE_SESSION_UNKNOWN: (unknown_session, {}),
    errors.CLOSE_ORIGIN_REFUSED: (foreign, {}),
    errors.CLOSE_SILENT: (silent, {}),
    errors.CLOSE_REPLACED: (replaced, {}),
    errors.CLOSE_DISCONNECTED: (disconnected, {}),
    errors.CLOSE_BLOCKED: (a_blocked_subject, {}),
    errors.CLOSE_TOO_SLOW: (too_slow, {}),
    errors.CLOSE_AUTH_EXPIRED: (old_jwt, SHARED),
    errors.CLOSE_RETRY: (cordoned, {}),
    errors.CLOSE_POOL_BUSY: (busy, {"capacity": 1}),
    errors.CLOSE_AUTH_UNAVAILABLE: (good_jwt, JWKS),
}


def test_there_is_a_way_to_every_close_code() -> None:
    assert CLOSES.keys() == set(CLOSE_CODES)


@pytest.mark.parametrize("code", CLOSES, ids=lambda code: code.reason)
async def test_the_socket_is_closed_with_the_code(code: CloseCode, tmp_path: Path) -> None:
    provoke, settings = CLOSES[code]
    async with pod_alone(tmp_path, **settings) as running:
        assert await provoke(running) == code.code
