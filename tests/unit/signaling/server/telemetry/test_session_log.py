"""The log lines, metrics and records of a call through a real pod."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.unit.signaling.pods import Running, in_a_call, pod_alone, until

from switchboard_signaling.client.core import Ended
from switchboard_signaling.wire.messages import Stats

Lines = list[dict[str, Any]]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with pod_alone(tmp_path, region="eu") as pod:
        yield pod


@pytest.fixture
def lines() -> Iterator[Lines]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def test_a_match_and_each_session_have_a_log_line(running: Running, lines: Lines) -> None:
    async with AsyncExitStack() as stack:
        one, two, match_id = await in_a_call(running, stack)
        await one.connection("connected", "relay")
        await one.report(Stats(match_id="", rtt_ms=80.0, loss=0.01))
        await two.connection("failed", reason="ice-failed")
        await until(lambda: running.pod.session_log._stays[two.session.session_id or ""].call.verdict)  # type: ignore[union-attr]
        sids = [one.session.session_id, two.session.session_id]
        await one.leave("skip")
        await two.wait_for(Ended)
    await until(lambda: not running.pod.hub.connections)
    [line] = [line for line in lines if line["event"] == "match"]
    assert (line["match"], sorted(line["sessions"]), line["by"]) == (match_id, sorted(sids), sids[0])
    assert (line["outcome"], line["reason"], line["verdict"], line["path"]) == ("ended", "skip", "connected", "relay")
    assert (line["score"], line["whole"], line["reports"]) == (89, True, 1)
    sessions = {line["session"]: line for line in lines if line["event"] == "session"}
    assert set(sessions) == set(sids)
    assert {line["left"] for line in sessions.values()} == {"left"}
    assert [(line["sockets"], line["matches"], line["close_code"]) for line in sessions.values()] == [(1, 1, 1000)] * 2


async def test_a_call_is_measured_counted_and_recorded(running: Running) -> None:
    async with AsyncExitStack() as stack:
        one, two, match_id = await in_a_call(running, stack)
        await one.connection("connected", "direct")
        full = Stats(match_id="", path="direct", rtt_ms=20.0, jitter_ms=2.0, loss=0.0, remote_loss=0.5,
                     sent_bitrate=1e6, received_bitrate=2e6, freezes=2, frozen_ms=1500.0)  # fmt: skip
        await one.report(full)
        await two.connection("failed", reason="invented")
        await two.leave()
        await one.wait_for(Ended)
    await until(lambda: not running.pod.hub.connections)
    for metric in (
        'calls_total{path="direct",verdict="connected"} 1.0',
        'call_failures_total{reason="other",verdict="failed"} 1.0',
        'matches_ended_total{outcome="ended",reason="user"} 1.0',
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
    await running.pod.stats.flush()
    kept = await running.pod.broker.shared_stats.kept(match_id)
    [mine] = [side for side in kept.values() if side["session"] == one.session.session_id]
    assert (mine["region"], mine["verdict"], mine["path"], mine["reason"]) == ("eu", "connected", "direct", "user")
    [theirs] = [side for side in kept.values() if side["session"] == two.session.session_id]
    assert (theirs["verdict"], theirs["failure"]) == ("failed", "other")


async def test_sessions_that_remain_when_the_pod_stops_have_a_log_line(running: Running, lines: Lines) -> None:
    socket = await running.welcomed()
    running.pod.session_log.stop()
    [line] = [line for line in lines if line["event"] == "session"]
    assert (line["left"], line["close_code"]) == ("stopped", None)
    await socket.close()
