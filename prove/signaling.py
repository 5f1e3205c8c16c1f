"""Calls and a queue over three servers and a store of 3+3 nodes, under all kinds of faults (`make prove-signaling`).

Slots move; primaries hand over, freeze and are killed; all data is deleted; servers are killed and paused. Meanwhile
clients send at a constant rate, and others wait in the queue until peers join at the end. No call may end, no message
may be lost or duplicated, and waiting clients must be matched in the order in which they joined.
"""

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.signaling import store

from prove.client_process import summary
from prove.clients import ClientGroup, harm, until
from prove.relay import CALM_SECONDS, DRAIN_SECONDS, SERVERS, Pods, Proof, servers
from prove.report import FOLDER, write
from switchboard_signaling.client import Client
from switchboard_signaling.client.core import MatchReady, QueuePosition
from switchboard_signaling.wire import errors

SERVER_FAULTS: Final = ("kill", "pause")
STORE_FAULTS: Final = ("move", "hand-over", "freeze", "replace", "wipe")
KEYS: Final = ("{q:prove/relay}:order", "b", "c", "a")
"""The key of the queue, and keys of all shards."""
WAITING: Final = 12
HEARTBEATS: Final = 12.0
"""Seconds in which each client has sent its intent twice."""
HARMLESS: Final = frozenset({f"problem-{errors.STORE_UNAVAILABLE.code}"})
"""Events of requests that are repeated."""
Json = dict[str, Any]


class Queue:
    """Clients that wait in the queue for helpers."""

    def __init__(self, pods: Pods, stack: AsyncExitStack) -> None:
        """Clients stay connected until the end of `stack`."""
        self._pods = pods
        self._stack = stack
        self._waiting: list[Client] = []
        self._count = 0

    def _url(self) -> str:
        self._count += 1
        ready = sorted(self._pods.ready)
        return f"ws://127.0.0.1:{ready[self._count % len(ready)]}/ws"

    async def _join(self, side: str, required: str) -> Client:
        client = await self._stack.enter_async_context(Client(self._url))
        await client.join({"side": side}, {"side": required})
        return client

    async def fill(self) -> None:
        """Let the waiting clients join, one after the other."""
        for _ in range(WAITING):
            self._waiting.append(await self._join("caller", "helper"))
            await self._waiting[-1].wait_for(QueuePosition, seconds=30)

    async def probe(self) -> float:
        """Return the seconds until two other clients are matched."""
        since = time.monotonic()
        name = f"probe{self._count}"
        pair = [await self._join(name, name) for _ in range(2)]
        for client in pair:
            await client.wait_for(MatchReady, seconds=60)
        for client in pair:
            await client.leave()
        return time.monotonic() - since

    async def in_order(self) -> bool:
        """Let helpers join; return whether each was matched with the client that had waited longest."""
        for waiting in self._waiting:
            helper = await self._join("helper", "caller")
            match = await helper.wait_for(MatchReady, seconds=30)
            if (await waiting.wait_for(MatchReady, seconds=30)).match_id != match.match_id:
                return False
        return True


@dataclass(kw_only=True)
class StoreProof(Proof):
    """A run of the proof."""

    cluster: store.Replicated
    queue: Queue

    async def any_fault(self, kind: str) -> None:
        """Cause a fault of a server or of the store."""
        number = len(self.faults)
        if kind in SERVER_FAULTS:
            await self.fault(self.pods.ports[number % SERVERS], kind)
        else:
            await self._store_fault(kind, KEYS[number % len(KEYS)])

    async def _store_fault(self, kind: str, key: str) -> None:
        """Cause a fault of the store; record the time until a new match, and the delays of messages."""
        since = time.monotonic()
        fault = asyncio.create_task(self._cause(kind, key))
        matched_after = await self.queue.probe()
        await fault
        lasted = time.monotonic() - since
        await asyncio.sleep(CALM_SECONDS)
        delays = await self.group.delays(since, since + lasted + CALM_SECONDS)
        found = {"kind": kind, "lasted_s": round(lasted, 2), "new_match_after_s": round(matched_after, 2)}
        self.faults.append(found | {"delay_s": summary(delays)})
        print(f"{len(self.faults)}: {json.dumps(self.faults[-1])}", flush=True)

    async def _cause(self, kind: str, key: str) -> None:
        match kind:
            case "move":
                await self.cluster.move(key)
            case "hand-over":
                await self.cluster.hand_over(key)
            case "freeze":
                await self.cluster.freeze(key)
            case "replace":
                await self.cluster.replace(key)
            case "wipe":
                await self.cluster.wipe()


async def run(folder: Path, clients: int, faults: Iterable[str], processes: int) -> Json:
    """Return the figures of one run with an even number of clients."""
    async with (
        store.replicated(folder / "store") as cluster,
        servers(folder, cluster.nodes) as pods,
        ClientGroup.of(clients, processes) as group,
        AsyncExitStack() as stack,
    ):
        proof = StoreProof(pods=pods, group=group, cluster=cluster, queue=Queue(pods, stack))
        return {"clients": clients} | await _prove(proof, faults)


async def _prove(proof: StoreProof, faults: Iterable[str]) -> Json:
    group, queue = proof.group, proof.queue
    await proof.update_servers()
    await queue.fill()
    await group.some("connect", 0, 1, seconds=600)
    connected = time.monotonic()
    await group.some("start", 0, 1)
    await asyncio.sleep(2 * CALM_SECONDS)
    for kind in faults:
        await proof.any_fault(kind)
    await asyncio.sleep(HEARTBEATS)
    in_order = await queue.in_order()
    await group.some("stop", 0, 1)
    lasted = time.monotonic() - connected
    drained = await until(group.drained, DRAIN_SECONDS)
    counts = await group.counts()
    delays = await group.delays(connected)
    harmful = harm(counts["events"]) - HARMLESS
    return {
        "servers": SERVERS,
        "send_seconds": round(lasted, 1),
        "messages_per_second": round(counts["sent"] / lasted, 1),
        "sent": counts["sent"],
        "lost": counts["outstanding"],
        "duplicated": counts["duplicated"],
        "out_of_order": counts["out_of_order"],
        "events": counts["events"],
        "waiting": WAITING,
        "matched_in_order": in_order,
        "delay_s": summary(delays),
        "faults": proof.faults,
        "passed": drained and in_order and not (counts["duplicated"] or counts["out_of_order"] or harmful),
    }


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2, help="number of rounds of all faults")
    parser.add_argument("--processes", type=int, default=2, help="number of processes for the clients")
    given = parser.parse_args()
    folder = FOLDER / "signaling"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    faults = (*STORE_FAULTS, *SERVER_FAULTS) * given.rounds
    figures = asyncio.run(run(folder, given.clients, faults, given.processes))
    short = {name: figures[name] for name in ("clients", "sent", "lost", "duplicated", "matched_in_order", "passed")}
    print(f"{write('signaling', figures)}: {json.dumps(short)}")
    return 0 if figures["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
