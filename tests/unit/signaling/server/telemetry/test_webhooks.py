"""The webhooks of a call through a real pod."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.unit.signaling.jwts import SECRET, secret_dir
from tests.unit.signaling.pods import in_a_call, pod_alone, until

from switchboard_signaling.analytics.outbox import Event
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import SharedStatsFullError
from switchboard_signaling.client.core import Ended
from switchboard_signaling.server.telemetry import webhooks as module

Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with structlog.testing.capture_logs() as captured:
        yield captured


class Receiver:
    """An application that accepts webhooks, after the statuses of `refusals`."""

    def __init__(self, *refusals: int, key: bytes = SECRET) -> None:
        self.refusals = list(refusals)
        self.key = key
        self.taken: dict[str, dict[str, Any]] = {}
        self.tries = 0

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        body = await request.read()
        event, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        digest = hmac.new(self.key, f"{event}.{at}.".encode() + body, hashlib.sha256).digest()
        assert request.headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}"
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        assert event not in self.taken
        self.taken[event] = await request.json()
        return web.Response(status=204)


async def deliver_call(receiver: Receiver, folder: Path, secret: bytes = SECRET, **settings: Any) -> tuple[str, str]:
    """Have a call on a pod with webhooks to the receiver; return the match and the pod's metrics."""
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    async with TestServer(app) as server, AsyncExitStack() as stack:
        hook = {
            "webhook_url": str(server.make_url("/hook")),
            "webhook_secret_dir": secret_dir(folder / "w", one=secret),
        }
        running = await stack.enter_async_context(pod_alone(folder, **hook, **settings))
        assert running.pod.webhooks is not None
        delivering = asyncio.create_task(running.pod.webhooks.run())
        one, two, match_id = await in_a_call(running, stack)
        await one.leave("skip")
        await two.wait_for(Ended)
        delivered = 'switchboard_signaling_webhooks_total{result="delivered"} 2.0'
        await until(lambda: delivered in running.pod.metrics.text().decode())  # the pod counts after the receiver has
        delivering.cancel()
        await asyncio.wait([delivering])
    return match_id, running.pod.metrics.text().decode()


async def test_the_application_gets_one_event_per_opened_and_ended_match(tmp_path: Path) -> None:
    receiver = Receiver()
    match_id, metrics = await deliver_call(receiver, tmp_path)
    matched, ended = receiver.taken[f"matched.{match_id}"], receiver.taken[f"ended.{match_id}"]
    assert (matched["type"], matched["match"], matched["pool"]) == ("matched", match_id, "local/switchboard")
    assert len({side["session"] for side in matched["sessions"]}) == 2
    assert all(side["subject"] for side in matched["sessions"])
    assert (ended["type"], ended["reason"]) == ("ended", "skip")
    assert ended["by"] in {side["session"] for side in ended["sessions"]}
    assert receiver.tries == 2
    assert 'switchboard_signaling_webhooks_total{result="delivered"} 2.0' in metrics


async def test_a_refused_event_is_sent_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_FIRST", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    receiver = Receiver(500, 302, 404)
    await deliver_call(receiver, tmp_path)
    assert receiver.tries == 5


async def test_an_event_that_is_always_refused_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_FIRST", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "MAX_TRIES", 2)
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running, AsyncExitStack() as stack:
        assert running.pod.webhooks is not None
        delivering = asyncio.create_task(running.pod.webhooks.run())
        await in_a_call(running, stack)
        lost = 'switchboard_signaling_webhooks_lost_total{reason="given-up"} 1.0'
        await until(lambda: lost in running.pod.metrics.text().decode())
        delivering.cancel()
        await asyncio.wait([delivering])
    assert await running.pod.broker.shared_stats.take(1, 5) == []


async def test_events_wait_for_an_unavailable_store_and_lost_ones_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "MAX_UNSTORED", 3)
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running:
        hooks, shared_stats = running.pod.webhooks, running.pod.broker.shared_stats
        assert hooks is not None
        failures = [BrokerUnavailableError("away"), SharedStatsFullError(), ValueError("unexpected"), None]
        stored = []

        async def put(event: Event) -> None:
            if failure := failures.pop(0):
                raise failure
            stored.append(event.id)

        monkeypatch.setattr(shared_stats, "put", put)
        for match_id in ("one", "two", "three", "four"):
            hooks._add("matched", match_id)
        storing = asyncio.create_task(hooks._store())
        await until(lambda: stored)
        storing.cancel()
        await asyncio.wait([storing])
        assert stored == ["matched.three"]
        assert await running.metric('switchboard_signaling_webhooks_lost_total{reason="no-room"} 2.0')
        assert await running.metric('switchboard_signaling_webhooks_lost_total{reason="fault"} 1.0')


async def test_waiting_events_are_stored_after_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running:
        hooks, shared_stats = running.pod.webhooks, running.pod.broker.shared_stats
        assert hooks is not None
        away, tried, stored = True, asyncio.Event(), []

        async def put(event: Event) -> None:
            tried.set()
            if away:
                raise BrokerUnavailableError("away")
            stored.append(event.id)

        monkeypatch.setattr(shared_stats, "put", put)
        hooks._add("matched", "one")
        for _ in range(2):
            storing = asyncio.create_task(hooks._store())
            await asyncio.wait_for(tried.wait(), 5)
            tried.clear()
            if away:
                storing.cancel()
                await asyncio.wait([storing])
                away = False
        await until(lambda: stored)
        storing.cancel()
        await asyncio.wait([storing])
        assert stored == ["matched.one"]


async def test_a_secret_in_base64_without_padding_signs(tmp_path: Path) -> None:
    key = SECRET[:32]
    secret = b"whsec_" + b64encode(key).rstrip(b"=")
    receiver = Receiver(key=key)
    await deliver_call(receiver, tmp_path, secret)
    assert receiver.tries == 2


async def test_an_unexpected_failure_of_a_delivery_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """The first attempts meet a bug; all events arrive in the end, and the others at once."""
    monkeypatch.setattr(module, "AGAIN_FIRST", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    sign, faults = module.headers, [KeyError("here"), None, RuntimeError("there")]

    def headers(*given: Any) -> dict[str, str]:
        if faults and (fault := faults.pop(0)):
            raise fault
        return sign(*given)

    monkeypatch.setattr(module, "headers", headers)
    receiver = Receiver()
    _, metrics = await deliver_call(receiver, tmp_path)
    assert len(receiver.taken) == 2
    assert 'switchboard_signaling_webhooks_total{result="failed"} 2.0' in metrics
    failed = [line for line in lines if line["event"] == "webhook_delivery_failed"]
    assert [(line["log_level"], line["exc_info"]) for line in failed] == [("error", True)] * 2
    attempts = [line for line in lines if line["event"] == "webhook_attempt_failed"]
    assert [line["problem"] for line in attempts] == ["KeyError", "RuntimeError"]


async def test_an_event_that_cannot_be_settled_blocks_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running:
        hooks, shared_stats = running.pod.webhooks, running.pod.broker.shared_stats
        assert hooks is not None
        settled = []

        async def settle(event: str, _again: float | None) -> None:
            settled.append(event)
            if len(settled) == 1:
                raise ValueError("unexpected")

        monkeypatch.setattr(shared_stats, "settle", settle)
        for match_id in ("one", "two"):
            hooks._add("matched", match_id)
        delivering = asyncio.create_task(hooks.run())
        await until(lambda: len(settled) == 2)
        assert not delivering.done()
        delivering.cancel()
        await asyncio.wait([delivering])
    assert [line["webhook"] for line in lines if line["event"] == "webhook_not_settled"] == settled[:1]


def test_pauses_double_up_to_half_an_hour() -> None:
    assert [module.pause(tries) for tries in (1, 2, 3, 11, 20, 1000)] == [2, 4, 8, 1800, 1800, 1800]
