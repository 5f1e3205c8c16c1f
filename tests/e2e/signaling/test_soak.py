"""A short run of `make prove-soak`: clients that connect and disconnect leave nothing behind."""

import asyncio
import gc
from collections import Counter
from functools import partial

import pytest
from aiohttp.test_utils import TestServer
from prove.soak import Load

from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.server import pod as pods
from switchboard_signaling.server.http.app import public_app
from switchboard_signaling.settings import ServerSettings

RECORDS = 100
WARM_UP = 600
CYCLES = 3000
ALLOWED = 200
"""Tolerance per type: objects in use at the moment of counting."""


def counted() -> Counter[str]:
    """Return the number of objects per type that the garbage collector tracks."""
    gc.collect()
    return Counter(type(one).__qualname__ for one in gc.get_objects())


async def test_the_objects_of_a_pod_do_not_grow_with_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "MemoryBroker", partial(MemoryBroker, records=RECORDS))
    unlimited = ServerSettings(connects_per_second=0, sdp_per_second=0, candidates_per_second=0)
    pod = pods.make_pod(unlimited.model_copy(update={"resume_window_seconds": 1.0}))

    async def forgotten() -> None:
        async with asyncio.timeout(30):
            while pod.hub.active_sessions > 1:  # noqa: ASYNC110 - time passes
                await asyncio.sleep(0.1)

    hub = asyncio.create_task(pod.hub.run())
    server = TestServer(public_app(pod))
    await server.start_server()
    load = Load(server.port or 0, at_once=32)
    try:
        await load.run(WARM_UP)
        await forgotten()
        before = counted()
        await load.run(CYCLES)
        await forgotten()
        grown = {kind: number - before[kind] for kind, number in counted().items() if number - before[kind] > ALLOWED}
        assert grown == {}
        assert not load.problems
    finally:
        load.close()
        hub.cancel()
        await asyncio.wait([hub])
        await server.close()
