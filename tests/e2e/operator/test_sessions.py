"""Real signaling pods, real clients and a real operator on a real API server: no message is lost while pods change.

The test replaces only the scheduler and the kubelet: it runs one process per pod, terminates it like Kubernetes, and
sends clients to the endpoints in the EndpointSlices.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.apiserver import ApiServer
from tests.e2e.operator.conftest import Start
from tests.e2e.operator.kubelet import Kubelet
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.operator.test_drain import events, offered
from tests.e2e.signaling import store

from switchboard_signaling.client import Client
from switchboard_signaling.client.core import ClientProblem, Ended, MatchReady, Move, PeerMessageReceived, QueuePosition
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.messages import Chat

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PAIRS = 15
PAUSE = 0.1
"""Seconds between the messages of one client."""
POLL = 0.2
"""Seconds between two queries of the API server, which leave CPU time for the clients."""


PASSING = frozenset({errors.PEER_UNREACHABLE.code, errors.RETRY.code})
"""Problems while the peer moves, or of a draining pod that a Service selected: the client retries by itself."""


class ProcessKubelet(Kubelet):
    """Runs one real process per pod."""

    def __init__(self, api: ApiServer, namespace: str, free: Iterator[str], folder: Path, nodes: store.Nodes) -> None:
        super().__init__(api, namespace, free)
        self._folder, self._nodes = folder, nodes
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.addresses: dict[str, str] = {}

    def started(self, pod: Any) -> str | None:
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        if uid not in self.processes:
            self.addresses[uid] = next(self._free)
            environment = {item["name"]: item.get("value", name) for item in pod["spec"]["containers"][0]["env"]}
            environment |= {
                "SWITCHBOARD_HOST": self.addresses[uid],
                "SWITCHBOARD_REDIS_NODES": ",".join(f"{host}:{port}" for host, port in self._nodes),
                "SWITCHBOARD_REDIS_AUTH_DIR": "",
                "SWITCHBOARD_ICE_DIRECTORY": "",
                "SWITCHBOARD_KEY_DIR": str(self.secret(pod, "key", self._folder)),
                "SWITCHBOARD_INTERNAL_TOKEN_DIR": str(self.secret(pod, "internal", self._folder)),
                "SWITCHBOARD_INTERNAL_TLS_DIR": str(self.secret(pod, "internal-tls", self._folder)),
            }
            command = [str(Path(sys.executable).with_name("switchboard-signaling")), "serve"]
            with (self._folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
            self.processes[uid] = process
        try:
            with urllib.request.urlopen(f"http://{self.addresses[uid]}:8080/readyz", timeout=1):
                return self.addresses[uid]
        except OSError:
            return None

    def ended(self, pod: Any) -> bool:
        process = self.processes.get(pod["metadata"]["uid"])
        if process is not None and process.poll() is None:
            process.terminate()
            return False
        return True

    def stop(self) -> None:
        super().stop()
        for process in self.processes.values():
            process.kill()
            process.wait(5)


class World:
    """A pool with its clients."""

    def __init__(self, pool: Pool, kubelet: ProcessKubelet) -> None:
        self.pool, self.kubelet = pool, kubelet
        self.reachable: list[str] = []
        """Addresses of the pods with a ready endpoint, as of the last poll."""
        self.received: Counter[str] = Counter()
        self.moves: Counter[str] = Counter()
        self.longest_silence = 0.0
        self.faults: list[str] = []

    async def run(self) -> None:
        """Run pods and follow the EndpointSlices, until cancelled."""
        while True:
            await asyncio.to_thread(self.pool.run_pods)
            found = await asyncio.to_thread(offered, self.pool)
            self.reachable = [self.kubelet.addresses[uid] for uid in found]
            await asyncio.sleep(POLL)

    def url(self) -> str:
        """Return a URL of a random endpoint. Raises ConnectionRefusedError if there is none."""
        if not self.reachable:
            raise ConnectionRefusedError("the Service has no endpoint")
        return f"ws://{random.choice(self.reachable)}:8080/ws"

    async def until(self, condition: Callable[[], object], what: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            await asyncio.sleep(POLL)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Exchange messages between pairs of clients, and check afterwards that each arrived once and in order."""
        async with AsyncExitStack() as stack:
            pairs = [[await stack.enter_async_context(Client(self.url)) for _ in "ab"] for _ in range(PAIRS)]
            stop = asyncio.Event()
            tasks: list[asyncio.Task[int]] = []
            for number, pair in enumerate(pairs):
                for client in pair:
                    await client.join({"pair": str(number)}, {"pair": str(number)})
                    await client.wait_for(QueuePosition if client is pair[0] else MatchReady)
                await pair[0].wait_for(MatchReady)
                tasks += [asyncio.create_task(self._send(client, stop)) for client in pair]
            listeners = [
                asyncio.create_task(self._receive(f"{number}{side}", client))
                for number, pair in enumerate(pairs)
                for side, client in zip("ab", pair, strict=True)
            ]
            yield
            stop.set()
            sent = await asyncio.gather(*tasks)
            async with asyncio.timeout(30):
                while sum(self.received.values()) < sum(sent):  # noqa: ASYNC110 - the last messages are in flight
                    await asyncio.sleep(0.05)
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)
            for number in range(PAIRS):
                assert self.received[f"{number}a"] == sent[2 * number + 1]
                assert self.received[f"{number}b"] == sent[2 * number]
            assert self.faults == []

    async def _send(self, client: Client, stop: asyncio.Event) -> int:
        number = 0
        while not stop.is_set():
            await client.say(Chat(match_id="", from_="", to="", seq=0, id=str(number), text=str(number)))
            number += 1
            await asyncio.sleep(PAUSE)
        return number

    async def _receive(self, name: str, client: Client) -> None:
        last = time.monotonic()
        while True:
            event = await client._events.get()
            if isinstance(event, PeerMessageReceived) and isinstance(event.frame, Chat):
                self.longest_silence = max(self.longest_silence, time.monotonic() - last)
                last = time.monotonic()
                if event.frame.text != str(self.received[name]):
                    self.faults.append(f"{name} received {event.frame.text} after {self.received[name]} messages")
                self.received[name] += 1
            elif isinstance(event, Move):
                self.moves[name] += 1
            elif isinstance(event, Ended) or (isinstance(event, ClientProblem) and event.code not in PASSING):
                self.faults.append(f"{name}: {event}")


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[store.Nodes]:
    """A store for the pods."""
    async with store.single(tmp_path / "store") as found:
        yield found


@pytest.fixture
async def world(
    api: ApiServer,
    namespace: str,
    redis: Resource,
    free_addresses: Iterator[str],
    tmp_path: Path,
    nodes: store.Nodes,
) -> AsyncIterator[World]:
    kubelet = ProcessKubelet(api, namespace, free_addresses, tmp_path, nodes)
    found = World(Pool(api, namespace, kubelet), kubelet)
    running = asyncio.create_task(found.run())
    yield found
    running.cancel()
    await asyncio.wait([running])
    kubelet.stop()


def settled(pool: Pool, replicas: int, image: str) -> bool:
    """Return whether the pool has converged to this number of pods of an image."""
    pods = pool.items("pods")
    images = {pod["spec"]["containers"][0]["image"] for pod in pods}
    return len(pods) == replicas and images == {image} and pool.is_true("PodsReady") and pool.is_true("Drained")


async def test_no_message_is_lost_while_pods_are_replaced(start: Start, world: World) -> None:
    await asyncio.to_thread(start, "operator-1")
    pool = world.pool

    async def apply(replicas: int, image: str) -> None:
        await asyncio.to_thread(lambda: pool.apply(replicas=replicas, image=image, redisRef={"name": "store"}))

    await apply(3, "signaling:1")
    await world.until(lambda: len(world.reachable) == 3, "three pods serve")
    async with world.sending():
        await apply(1, "signaling:1")
        await world.until(lambda: settled(pool, 1, "signaling:1"), "one pod is left")
        await apply(3, "signaling:1")
        await world.until(lambda: settled(pool, 3, "signaling:1"), "three pods serve again")
        world.moves.clear()
        await apply(3, "signaling:2")
        await world.until(lambda: settled(pool, 3, "signaling:2"), "the new revision serves")
        assert max(world.moves.values()) == 1, "a session moves at most once per rollout"
        victim = random.choice(pool.items("pods"))["metadata"]["name"]
        await asyncio.to_thread(pool.api.kubectl, "-n", pool.namespace, "delete", "pod", victim, "--wait=false")
        await world.until(
            lambda: victim not in [pod["metadata"]["name"] for pod in pool.items("pods")], "it is deleted"
        )
        await world.until(lambda: settled(pool, 3, "signaling:2"), "it is replaced")
    print(f"{sum(world.received.values())} messages, longest silence {world.longest_silence:.2f} s")


async def test_no_message_is_lost_while_sessions_are_rebalanced(start: Start, world: World) -> None:
    await asyncio.to_thread(start, "operator-1")
    pool = world.pool

    async def apply(replicas: int) -> None:
        await asyncio.to_thread(lambda: pool.apply(replicas=replicas, image="signaling:1", redisRef={"name": "store"}))

    await apply(1)
    await world.until(lambda: len(world.reachable) == 1, "one pod serves")
    async with world.sending():
        await apply(3)
        await world.until(lambda: events(pool, "Rebalanced"), "sessions have moved")
        await world.until(lambda: len(offered(pool)) == 3, "all pods serve again")
        assert settled(pool, 3, "signaling:1")
        assert max(world.moves.values()) == 1, "each session moves at most once"
    [event] = events(pool, "Rebalanced")
    print(f"{event['note']} {sum(world.moves.values())} moves, longest silence {world.longest_silence:.2f} s")
