"""An idle operator writes nothing but its Lease, by the API server's audit log."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import ready
from tests.e2e.quickstart import Quickstart

from switchboard_cluster import quickstart

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

AT_REST = 60.0
"""Seconds without a write: the test must wait that long, since the claim is about time."""
SETTLE = 180.0
"""Seconds until the operator must be idle after everything is ready."""


def written(log: Path, user: str, since: int) -> Iterator[str]:
    """Yield a user's writes after a position in the log, whose policy excludes reads."""
    with log.open() as lines:
        lines.seek(since)
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            reference = event.get("objectRef", {})
            if event["user"]["username"] == user and reference.get("resource") != "leases":
                yield f"{event['verb']} {reference.get('resource')}/{reference.get('name')}"


def test_an_idle_operator_writes_nothing(cluster: Embedded, switchboard: Quickstart) -> None:
    for kind in ("signalingpool", "turnfleet", "rediscluster"):
        switchboard.kubectl.wait_for(f"{kind} {quickstart.POOL}", ready, f"{kind} ready", timeout=180)
    log, user = cluster.paths.log("audit"), f"system:serviceaccount:{quickstart.NAMESPACE}:{quickstart.RELEASE}"
    assert list(written(log, user, 0)), f"the log has no writes of {user}: the test would count nothing"
    deadline = time.monotonic() + SETTLE + AT_REST
    while True:
        position, since = log.stat().st_size, time.monotonic()
        while not (writes := list(written(log, user, position))) and time.monotonic() < since + AT_REST:
            time.sleep(1)
        if not writes:
            return
        assert time.monotonic() < deadline, f"still writing after {SETTLE:.0f} s: {writes}"
