"""Calls and a line over three servers and a store of 3+3 nodes, to which everything happens (`make prove-signaling`).

Slots move; primaries hand over, freeze and are killed; all data is deleted; servers are killed and paused. Meanwhile
clients talk at a constant rate, others wait in line for somebody who comes only at the end. No call may end, no
message be lost or doubled, and who waited is matched in the order in which they came.
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

from prove.crowd import Crowd, harm, until
from prove.relay import CALM_SECONDS, DRAIN_SECONDS, SERVERS, Pods, Proof, servers
from prove.report import FOLDER, write
from prove.talkers import summary
from switchboard_signaling.client import Client
from switchboard_signaling.client.core import MatchReady, QueuePosition
from switchboard_signaling.wire import errors

SERVER_FAULTS: Final = ("kill", "pause")
STORE_FAULTS: Final = ("move", "hand-over", "freeze", "replace", "wipe")
KEYS: Final = ("{q:prove/relay}:order", "b", "c", "a")
"""The line, and keys of all shards."""
WAITING: Final = 12
HEARTBEATS: Final = 12.0
"""Seconds in which everybody has said twice what they want."""
HARMLESS: Final = frozenset({f"problem-{errors.STORE_UNAVAILABLE.code}"})
"""Said of what is asked again."""
Json = dict[str, Any]


class Queue:
    """Clients that wait in line for helpers."""

    def __init__(self, pods: Pods, stack: AsyncExitStack) -> None:
        """Connect them until the `stack` ends."""
        self._pods = pods
        self._stack = stack
        self._waiting: list[Client] = []
        self._turn = 0

    def _url(self) -> str:
        self._turn += 1
        living = sorted(self._pods.living)
        return f"ws://127.0.0.1:{living[self._turn % len(living)]}/ws"

    async def _come(self, own: str, wanted: str) -> Client:
        client = await self._stack.enter_async_context(Client(self._url))
        await client.join({"side": own}, {"side": wanted})
        return client

    async def fill(self) -> None:
        """Let them come, one after the other."""
        for _ in range(WAITING):
            self._waiting.append(await self._come("caller", "helper"))
            await self._waiting[-1].wait_for(QueuePosition, seconds=30)

    async def probe(self) -> float:
        """Return how many seconds it takes two others to meet."""
        since = time.monotonic()
        name = f"probe{self._turn}"
        pair = [await self._come(name, name) for _ in range(2)]
        for client in pair:
            await client.wait_for(MatchReady, seconds=60)
        for client in pair:
            await client.leave()
        return time.monotonic() - since

    async def in_order(self) -> bool:
        """Let helpers come; return whether each met the one who had waited longest."""
        for waiting in self._waiting:
            helper = await self._come("helper", "caller")
            met = await helper.wait_for(MatchReady, seconds=30)
            if (await waiting.wait_for(MatchReady, seconds=30)).match_id != met.match_id:
                return False
        return True


@dataclass(kw_only=True)
class StoreProof(Proof):
    """One run."""

    cluster: store.Replicated
    queue: Queue

    async def any_fault(self, kind: str) -> None:
        """Let something happen to a server or to the store."""
        turn = len(self.faults)
        if kind in SERVER_FAULTS:
            await self.fault(self.pods.ports[turn % SERVERS], kind)
        else:
            await self._store_fault(kind, KEYS[turn % len(KEYS)])

    async def _store_fault(self, kind: str, key: str) -> None:
        """Note how long messages took since then, and how soon two can meet."""
        since = time.monotonic()
        happening = asyncio.create_task(self._happen(kind, key))
        met_after = await self.queue.probe()
        await happening
        lasted = time.monotonic() - since
        await asyncio.sleep(CALM_SECONDS)
        delays = await self.crowd.delays(since, since + lasted + CALM_SECONDS)
        found = {"kind": kind, "lasted_s": round(lasted, 2), "two_met_after_s": round(met_after, 2)}
        self.faults.append(found | {"delay_s": summary(delays)})
        print(f"{len(self.faults)}: {json.dumps(self.faults[-1])}", flush=True)

    async def _happen(self, kind: str, key: str) -> None:
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
        Crowd.of(clients, processes) as crowd,
        AsyncExitStack() as stack,
    ):
        proof = StoreProof(pods=pods, crowd=crowd, cluster=cluster, queue=Queue(pods, stack))
        return {"clients": clients} | await _prove(proof, faults)


async def _prove(proof: StoreProof, faults: Iterable[str]) -> Json:
    crowd, queue = proof.crowd, proof.queue
    await proof.tell_living()
    await queue.fill()
    await crowd.some("meet", 0, 1, seconds=600)
    met = time.monotonic()
    await crowd.some("talk", 0, 1)
    await asyncio.sleep(2 * CALM_SECONDS)
    for kind in faults:
        await proof.any_fault(kind)
    await asyncio.sleep(HEARTBEATS)
    in_order = await queue.in_order()
    await crowd.some("hush", 0, 1)
    talked = time.monotonic() - met
    drained = await until(crowd.drained, DRAIN_SECONDS)
    counts = await crowd.counts()
    delays = await crowd.delays(met)
    harmed = harm(counts["events"]) - HARMLESS
    return {
        "servers": SERVERS,
        "talk_seconds": round(talked, 1),
        "messages_per_second": round(counts["said"] / talked, 1),
        "said": counts["said"],
        "lost": counts["outstanding"],
        "doubled": counts["doubled"],
        "disordered": counts["disordered"],
        "events": counts["events"],
        "waited": WAITING,
        "matched_in_order": in_order,
        "delay_s": summary(delays),
        "faults": proof.faults,
        "passed": drained and in_order and not (counts["doubled"] or counts["disordered"] or harmed),
    }


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2, help="of all faults")
    parser.add_argument("--processes", type=int, default=2, help="of clients")
    given = parser.parse_args()
    folder = FOLDER / "signaling"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    faults = (*STORE_FAULTS, *SERVER_FAULTS) * given.rounds
    figures = asyncio.run(run(folder, given.clients, faults, given.processes))
    short = {name: figures[name] for name in ("clients", "said", "lost", "doubled", "matched_in_order", "passed")}
    print(f"{write('signaling', figures)}: {json.dumps(short)}")
    return 0 if figures["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
