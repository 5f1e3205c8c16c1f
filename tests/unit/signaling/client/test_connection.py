"""The Python client and its application's JWTs."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.signaling.jwts import token
from tests.unit.signaling.pods import SECONDS, SHARED, Running, pod_alone

from switchboard_signaling.client import Client
from switchboard_signaling.client.core import Move, Online, Renew
from switchboard_signaling.session.hints import Disconnect


class Application:
    """Return the cached JWT, or a valid one if a fresh one is requested; counts the requests."""

    def __init__(self, kept: str) -> None:
        self.kept = kept
        self.asked: list[bool] = []

    def now(self, fresh: bool) -> str:
        self.asked.append(fresh)
        if fresh:
            self.kept = token()
        return self.kept

    async def later(self, fresh: bool) -> str:
        return self.now(fresh)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A pod that requires JWTs."""
    async with pod_alone(tmp_path, **SHARED) as running:
        yield running


def url(running: Running) -> str:
    return str(running.public.make_url("/ws"))


@pytest.mark.parametrize("way", ["now", "later"])
async def test_the_application_is_asked_for_a_jwt_for_each_socket(running: Running, way: str) -> None:
    application = Application(token())
    async with Client(url(running), token=getattr(application, way)) as client:
        session_id = client.session.session_id
        await client.drop()
        await client.wait_for(Online)
        assert client.session.session_id == session_id
    assert application.asked == [False, False]


async def test_a_jwt_that_has_expired_is_replaced_by_a_fresh_one(running: Running) -> None:
    application = Application(token(exp=1))
    async with Client(url(running), token=application.now):
        assert application.asked == [False, True]


async def test_a_jwt_that_is_about_to_expire_is_replaced_while_the_socket_stays(running: Running) -> None:
    application = Application(token(exp=int(time.time()) + 30))
    async with Client(url(running), token=application.later) as client:
        first = client.session.token
        await client.wait_for(Renew)
        async with asyncio.timeout(SECONDS):
            while client.session.token == first:  # noqa: ASYNC110 - the server's answer is not an event of the client
                await asyncio.sleep(0)
        assert running.pod.hub.connections == 1
    assert application.asked == [False, True]


async def test_a_failure_of_the_application_is_reported_and_it_is_asked_again(running: Running) -> None:
    failures = [RuntimeError("out of tokens"), RuntimeError("still out of tokens")]

    def at_last(_fresh: bool) -> str:
        if failures:
            raise failures.pop()
        return token()

    async with Client(url(running), token=at_last) as client:
        assert client.session.session_id
    assert not failures


async def test_a_stopped_client_opens_no_further_socket(running: Running) -> None:
    sockets = 0

    def counted() -> str:
        nonlocal sockets
        sockets += 1
        return url(running)

    async with Client(counted, token=lambda _fresh: token()) as client:
        running.pod.hub.hinted(Disconnect(client.session.session_id or ""))
        with pytest.raises(ConnectionError):
            await client.wait_for(Move)
        client._received_at = 0.0  # the pod has been silent for long
        client._watch_silence()
        client._dial.set()
        async with asyncio.timeout(SECONDS):
            while client._tasks:  # noqa: ASYNC110 - they end by themselves
                await asyncio.sleep(0)
    assert sockets == 1


async def test_a_rejected_client_stops_and_reports_the_reason(running: Running) -> None:
    with pytest.raises(ConnectionError, match="auth-required"):
        async with Client(url(running)):
            pass


async def test_an_application_without_a_valid_jwt_is_rejected(running: Running) -> None:
    with pytest.raises(ConnectionError, match="auth-invalid"):
        async with Client(url(running), token=lambda _fresh: "no jwt"):
            pass
