"""A call through a real pod: what is logged, measured, kept and told of it."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.unit.signaling.jwts import secret_dir
from tests.unit.signaling.pods import SECONDS, Running, pod_alone

from switchboard_crds import metric_names
from switchboard_signaling.analytics.outbox import Event
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.ledger import LedgerFullError
from switchboard_signaling.client import Client
from switchboard_signaling.client.core import Ended, Met
from switchboard_signaling.server.telemetry import webhooks as module
from switchboard_signaling.wire.messages import Stats

SECRET = b"a secret of thirty-two bytes or more"
Lines = list[dict[str, Any]]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with pod_alone(tmp_path, region="eu") as pod:
        yield pod


@pytest.fixture
def lines() -> Iterator[Lines]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def call(running: Running, stack: AsyncExitStack) -> tuple[Client, Client, str]:
    url = str(running.public.make_url("/ws"))
    one, two = [await stack.enter_async_context(Client(url)) for _ in range(2)]
    for client in (one, two):
        await client.join()
    m = (await one.wait_for(Met)).m
    await two.wait_for(Met)
    return one, two, m


async def until(condition: Any) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the server's handlers end when they end
            await asyncio.sleep(0)


async def test_a_call_has_a_line_and_so_has_each_session(running: Running, lines: Lines) -> None:
    async with AsyncExitStack() as stack:
        one, two, m = await call(running, stack)
        await one.connection("connected", "relay")
        await one.report(Stats(m="", rtt_ms=80.0, loss=0.01))
        await two.connection("failed", reason="ice-failed")
        await until(lambda: running.pod.journal._stays[two.session.sid or ""].call.verdict)  # type: ignore[union-attr]
        sids = [one.session.sid, two.session.sid]
        await one.leave("skip")
        await two.wait_for(Ended)
    await until(lambda: not running.pod.hub.connections)
    [line] = [line for line in lines if line["event"] == "match"]
    assert (line["match"], sorted(line["sessions"]), line["by"]) == (m, sorted(sids), sids[0])
    assert (line["outcome"], line["reason"], line["verdict"], line["path"]) == ("ended", "skip", "connected", "relay")
    assert (line["score"], line["whole"], line["reports"]) == (89, True, 1)
    sessions = {line["session"]: line for line in lines if line["event"] == "session"}
    assert set(sessions) == set(sids)
    assert {line["left"] for line in sessions.values()} == {"left"}
    assert [(line["sockets"], line["matches"], line["close_code"]) for line in sessions.values()] == [(1, 1, 1000)] * 2


async def test_a_call_is_measured_counted_and_kept(running: Running) -> None:
    async with AsyncExitStack() as stack:
        one, two, m = await call(running, stack)
        await one.connection("connected", "direct")
        full = Stats(m="", path="direct", rtt_ms=20.0, jitter_ms=2.0, loss=0.0, remote_loss=0.5, sent_bitrate=1e6,
                     received_bitrate=2e6, freezes=2, frozen_ms=1500.0)  # fmt: skip
        await one.report(full)
        await two.connection("failed", reason="made-up")
        await two.leave()
        await one.wait_for(Ended)
    await until(lambda: not running.pod.hub.connections)
    for metric in (
        'calls_total{path="direct",verdict="connected"} 1.0',
        'call_failures_total{reason="other",verdict="failed"} 1.0',
        'matches_over_total{outcome="ended",reason="user"} 1.0',
        "matches_total 1.0",
        "call_setup_seconds_count 1.0",
        "call_seconds_count 1.0",
        'call_rtt_seconds_bucket{le="0.025"} 1.0',
        "call_jitter_seconds_count 1.0",
        'call_loss_ratio_sum{direction="sent"} 0.5',
        'call_bitrate_bits_per_second_sum{direction="received"} 2e+06',
        "call_score_count 1.0",
        "call_freezes_total 2.0",
        "call_frozen_seconds_total 1.5",
    ):
        assert await running.metric(f"switchboard_signaling_{metric}"), metric
    stats = await (await running.public.get("/api/webrtc/stats")).json()
    assert (stats["matches"], stats["connected"], stats["failed"], stats["successRate"]) == (1, 1, 1, 0.5)
    assert (stats["failures"], stats["endings"], stats["relayedShare"]) == ({"other": 1}, {"user": 1}, 0)
    assert stats["setupMs"]["count"] == 1
    assert stats["current"] is True
    await running.pod.tally.flush()
    kept = await running.pod.broker.ledger.kept(m)
    [mine] = [side for side in kept.values() if side["sid"] == one.session.sid]
    assert (mine["region"], mine["verdict"], mine["path"], mine["ending"]) == ("eu", "connected", "direct", "user")
    [theirs] = [side for side in kept.values() if side["sid"] == two.session.sid]
    assert (theirs["verdict"], theirs["failure"]) == ("failed", "other")


async def test_what_is_still_here_at_the_end_of_the_pod_has_its_line(running: Running, lines: Lines) -> None:
    socket = await running.welcomed()
    running.pod.journal.stop()
    [line] = [line for line in lines if line["event"] == "session"]
    assert (line["left"], line["close_code"]) == ("stopped", None)
    await socket.close()


async def test_all_metrics_are_in_the_reference(running: Running) -> None:
    families = {family.name: family.type for family in running.pod.metrics.registry.collect()}
    table = {metric.name.removesuffix("_total"): metric.kind for metric in metric_names.SIGNALING}
    assert families == table
    page = metric_names.page()
    assert all(f"| `{metric.name}` | {metric.kind} | " in page for metric in metric_names.SIGNALING)


# Webhooks


class Receiver:
    """An application that takes webhooks, or answers with the statuses of `refusals` first."""

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


async def told(receiver: Receiver, folder: Path, secret: bytes = SECRET, **settings: Any) -> tuple[str, str]:
    """Have a call on a pod that tells the receiver of it; return the match, and the pod's metrics."""
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
        one, two, m = await call(running, stack)
        await one.leave("skip")
        await two.wait_for(Ended)
        async with asyncio.timeout(SECONDS):
            while len(receiver.taken) < 2:  # noqa: ASYNC110 - the receiver's handler takes them
                await asyncio.sleep(0.01)
        delivering.cancel()
        await asyncio.wait([delivering])
    return m, running.pod.metrics.text().decode()


async def test_the_application_is_told_of_matches_once_each(tmp_path: Path) -> None:
    receiver = Receiver()
    m, metrics = await told(receiver, tmp_path)
    matched, ended = receiver.taken[f"matched.{m}"], receiver.taken[f"ended.{m}"]
    assert (matched["type"], matched["match"], matched["pool"]) == ("matched", m, "local/switchboard")
    assert len({side["session"] for side in matched["sessions"]}) == 2
    assert all(side["subject"] for side in matched["sessions"])
    assert (ended["type"], ended["reason"]) == ("ended", "skip")
    assert ended["by"] in {side["session"] for side in ended["sessions"]}
    assert receiver.tries == 2
    assert 'switchboard_signaling_webhooks_total{result="delivered"} 2.0' in metrics


async def test_what_is_not_taken_is_sent_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_FIRST", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    receiver = Receiver(500, 302, 404)
    await told(receiver, tmp_path)
    assert receiver.tries == 5


async def test_what_is_never_taken_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_FIRST", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "MAX_TRIES", 2)
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running, AsyncExitStack() as stack:
        assert running.pod.webhooks is not None
        delivering = asyncio.create_task(running.pod.webhooks.run())
        await call(running, stack)
        lost = 'switchboard_signaling_webhooks_lost_total{reason="given-up"} 1.0'
        await until(lambda: lost in running.pod.metrics.text().decode())
        delivering.cancel()
        await asyncio.wait([delivering])
    assert await running.pod.broker.ledger.take(1, 5) == []


async def test_events_wait_for_a_store_that_is_away_and_what_has_no_room_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "MAX_UNSTORED", 3)
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running:
        hooks, ledger = running.pod.webhooks, running.pod.broker.ledger
        assert hooks is not None
        failures = [BrokerUnavailableError("away"), LedgerFullError(), ValueError("unexpected"), None]
        stored = []

        async def put(event: Event) -> None:
            if failure := failures.pop(0):
                raise failure
            stored.append(event.id)

        monkeypatch.setattr(ledger, "put", put)
        for m in ("one", "two", "three", "four"):
            hooks._add("matched", m)
        storing = asyncio.create_task(hooks._store())
        await until(lambda: stored)
        storing.cancel()
        await asyncio.wait([storing])
        assert stored == ["matched.three"]
        assert await running.metric('switchboard_signaling_webhooks_lost_total{reason="no-room"} 2.0')
        assert await running.metric('switchboard_signaling_webhooks_lost_total{reason="fault"} 1.0')


async def test_a_secret_in_base64_without_padding_signs(tmp_path: Path) -> None:
    key = SECRET[:32]
    secret = b"whsec_" + b64encode(key).rstrip(b"=")
    receiver = Receiver(key=key)
    await told(receiver, tmp_path, secret)
    assert receiver.tries == 2


async def test_a_delivery_that_fails_in_an_unexpected_way_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Each of the first deliveries meets a fault of ours; all events arrive in the end, the others at once."""
    monkeypatch.setattr(module, "AGAIN_FIRST", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    sign, faults = module.headers, [KeyError("here"), None, RuntimeError("there")]

    def headers(*given: Any) -> dict[str, str]:
        if faults and (fault := faults.pop(0)):
            raise fault
        return sign(*given)

    monkeypatch.setattr(module, "headers", headers)
    receiver = Receiver()
    _, metrics = await told(receiver, tmp_path)
    assert len(receiver.taken) == 2
    assert 'switchboard_signaling_webhooks_total{result="failed"} 2.0' in metrics
    failed = [line for line in lines if line["event"] == "webhook_delivery_failed"]
    assert [(line["log_level"], line["exc_info"]) for line in failed] == [("error", True)] * 2
    assert [line["problem"] for line in lines if line["event"] == "webhook not taken"] == ["KeyError", "RuntimeError"]


async def test_an_event_that_cannot_be_settled_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    hook = {"webhook_url": "http://127.0.0.1:1/hook", "webhook_secret_dir": secret_dir(tmp_path / "w", one=SECRET)}
    async with pod_alone(tmp_path, **hook) as running:
        hooks, ledger = running.pod.webhooks, running.pod.broker.ledger
        assert hooks is not None
        settled = []

        async def settle(event: str, _again: float | None) -> None:
            settled.append(event)
            if len(settled) == 1:
                raise ValueError("unexpected")

        monkeypatch.setattr(ledger, "settle", settle)
        for m in ("one", "two"):
            hooks._add("matched", m)
        delivering = asyncio.create_task(hooks.run())
        await until(lambda: len(settled) == 2)
        assert not delivering.done()
        delivering.cancel()
        await asyncio.wait([delivering])
    assert [line["webhook"] for line in lines if line["event"] == "webhook_not_settled"] == settled[:1]


def test_pauses_double_up_to_half_an_hour() -> None:
    assert [module.pause(tries) for tries in (1, 2, 3, 11, 20, 1000)] == [2, 4, 8, 1800, 1800, 1800]
