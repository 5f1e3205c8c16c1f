"""Calls over three servers that are killed and paused in turn: no message lost, none doubled (`make prove-relay`).

Three processes of the real server share one real store. Clients, in processes of their own, talk at a constant rate and
count at the application what was said and what was shown. Servers are killed (SIGKILL) and started again on their port,
or paused (SIGSTOP) for longer than their lease in the store.
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.browser.server import Server, signaling_server
from tests.e2e.signaling import store
from tests.ports import free_ports

from prove.crowd import Crowd, harm, until
from prove.pool import OPEN
from prove.report import FOLDER, write
from prove.talkers import summary

SERVERS: Final = 3
PAUSE_SECONDS: Final = 15.0
"""Longer than the lease of ten seconds (matching/queue.py)."""
CALM_SECONDS: Final = 3.0
"""Talk between all clients' return and the next fault."""
RETURN_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 120.0
Json = dict[str, Any]


@dataclass
class Pods:
    """The servers by port; `living` are those that a Service would send clients to."""

    ports: list[int]
    nodes: list[tuple[str, int]]
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """More of them, for all servers."""
    living: set[int] = field(default_factory=set)
    cpu_seconds: float = 0.0
    _running: dict[int, tuple[Server, AsyncExitStack]] = field(default_factory=dict)

    async def start(self, port: int) -> None:
        """Start a server, wait until it serves."""
        stack = AsyncExitStack()
        settings = {
            "REDIS_NODES": ",".join(f"{host}:{number}" for host, number in self.nodes),
            "KEY_DIR": str(self.folder / "key"),
            "POOL": "prove/relay",
            "POD": f"pod-{self.ports.index(port)}",
            "ENVIRONMENT": "Staging",
            **OPEN,
            **self.settings,
        }
        server = await stack.enter_async_context(signaling_server(self.folder / f"{port}.log", port, **settings))
        self._running[port] = (server, stack)
        self.living.add(port)

    def signal(self, port: int, number: signal.Signals) -> None:
        """Send a signal; who is killed or paused lives no more."""
        if number is signal.SIGCONT:
            self.living.add(port)
        else:
            self.living.discard(port)
            self.cpu_seconds += self._cpu(port)
        self._running[port][0].process.send_signal(number)

    async def bury(self, port: int) -> None:
        """Wait for the end of a server that was killed."""
        _, stack = self._running.pop(port)
        await stack.aclose()

    async def stop(self) -> None:
        """Stop all, without a farewell to the clients."""
        for port in list(self._running):
            self.signal(port, signal.SIGKILL)
            await self.bury(port)

    def _cpu(self, port: int) -> float:
        fields = Path(f"/proc/{self._running[port][0].process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@dataclass
class Proof:
    """One run."""

    pods: Pods
    crowd: Crowd
    faults: list[Json] = field(default_factory=list)

    async def tell_living(self) -> None:
        """Tell the clients where they may connect."""
        await self.crowd.living(sorted(map(_address, self.pods.living)))

    @property
    def hits(self) -> int:
        """Kills that met messages on their way."""
        return sum(one["kind"] == "kill" and one["in_flight"] > 0 for one in self.faults)

    async def fault(self, port: int, kind: str) -> None:
        """Kill or pause a server, bring it back, and wait until all its clients are welcome elsewhere."""
        since = time.monotonic()
        self.pods.signal(port, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
        await self.tell_living()
        if kind == "kill":
            await self.pods.bury(port)
            await self.pods.start(port)
        else:
            await asyncio.sleep(PAUSE_SECONDS)
            self.pods.signal(port, signal.SIGCONT)
        await self.tell_living()
        back = await until(lambda: self._returned(port, since), RETURN_SECONDS)
        await asyncio.sleep(CALM_SECONDS)
        parts = await self.crowd.all("aftermath", _address(port), since)
        merged = {name: [one for part in parts for one in part[name]] for name in parts[0] if name != "clients"}
        self.faults.append(
            {
                "kind": kind,
                "all_back_within_a_minute": back,
                "clients": sum(part["clients"] for part in parts),
                "in_flight": len(merged["in_flight"]),
                "in_flight_delay_s": summary(merged["in_flight"]),
                "recovery_s": summary(merged["welcomed_after"]),
                "silence_s": summary(merged["silence"]),
            }
        )
        print(f"{len(self.faults)}: {json.dumps(self.faults[-1])}", flush=True)

    async def _returned(self, port: int, since: float) -> bool:
        return not any(await self.crowd.all("offline", _address(port), since))


@asynccontextmanager
async def servers(folder: Path, nodes: list[tuple[str, int]]) -> AsyncIterator[Pods]:
    """Run the servers on a store; they are killed at the end."""
    (folder / "key").mkdir()
    (folder / "key" / "current").write_bytes(b"k" * 32)
    pods = Pods(free_ports(SERVERS), nodes, folder)
    try:
        for port in pods.ports:
            await pods.start(port)
        yield pods
    finally:
        await pods.stop()


async def run(folder: Path, clients: int, faults: Sequence[str], processes: int, more_kills: int = 0) -> Json:
    """Return the figures of one run with an even number of clients.

    A kill that meets no message on its way proves little: `more_kills` at most follow in the place of such ones.
    """
    async with (
        store.single(folder / "store") as nodes,
        servers(folder, nodes) as pods,
        Crowd.of(clients, processes) as crowd,
    ):
        return await _prove(Proof(pods, crowd), clients, faults, more_kills)


async def _prove(proof: Proof, clients: int, faults: Sequence[str], more_kills: int) -> Json:
    await proof.tell_living()
    started = time.monotonic()
    await proof.crowd.some("meet", 0, 1, seconds=600)
    met = time.monotonic()
    await proof.crowd.some("talk", 0, 1)
    await asyncio.sleep(2 * CALM_SECONDS)
    for turn, kind in enumerate([*faults, *["kill"] * more_kills]):
        if turn < len(faults) or proof.hits < faults.count("kill"):
            await proof.fault(proof.pods.ports[turn % SERVERS], kind)
    await proof.crowd.some("hush", 0, 1)
    talked = time.monotonic() - met
    drained = await until(proof.crowd.drained, DRAIN_SECONDS)
    counts = await proof.crowd.counts()
    delays = await proof.crowd.delays(met)
    await proof.pods.stop()
    return {
        "clients": clients,
        "servers": SERVERS,
        "meet_seconds": round(met - started, 1),
        "talk_seconds": round(talked, 1),
        "messages_per_second": round(counts["said"] / talked, 1),
        "said": counts["said"],
        "shown": counts["shown"],
        "lost": counts["outstanding"],
        "doubled": counts["doubled"],
        "disordered": counts["disordered"],
        "events": counts["events"],
        "delay_s": summary(delays),
        "kills": sum(one["kind"] == "kill" for one in proof.faults),
        "kills_with_messages_in_flight": proof.hits,
        "cpu_seconds": {"servers": round(proof.pods.cpu_seconds, 1), "clients": counts["cpu_seconds"]},
        "faults": proof.faults,
        "passed": drained and not (counts["doubled"] or counts["disordered"] or harm(counts["events"])),
    }


def _address(port: int) -> str:
    return f"127.0.0.1:{port}"


def plan(kills: int, pauses: int) -> list[str]:
    """Return the kinds of the faults in order, the pauses spread among the kills."""
    every = kills // pauses if pauses else 0
    kinds = []
    for number in range(1, kills + 1):
        kinds.append("kill")
        if every and number % every == 0 and kinds.count("pause") < pauses:
            kinds.append("pause")
    return kinds


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pauses", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2, help="of clients")
    given = parser.parse_args()
    folder = FOLDER / "relay"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures = asyncio.run(run(folder, given.clients, plan(given.kills, given.pauses), given.processes, given.kills))
    names = ("clients", "said", "lost", "doubled", "kills", "kills_with_messages_in_flight", "passed")
    short = {name: figures[name] for name in names}
    print(f"{write('relay', figures)}: {json.dumps(short)}")
    return 0 if figures["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
