"""Calls over three servers that are killed and paused in turn: no message lost or duplicated (`make prove-relay`).

Three processes of the real server share one real store. Clients in processes of their own send at a constant rate, and
count sent and received messages in the application. Servers are killed (SIGKILL) and restarted on their port, or paused
(SIGSTOP) for longer than their lease in the store.
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

from prove.client_process import summary
from prove.clients import ClientGroup, harm, until
from prove.report import FOLDER, write
from prove.settings import UNLIMITED

SERVERS: Final = 3
PAUSE_SECONDS: Final = 15.0
"""Longer than the lease of ten seconds (matching/queue.py)."""
CALM_SECONDS: Final = 3.0
"""Time between the return of all clients and the next fault."""
RETURN_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 120.0
Json = dict[str, Any]


@dataclass
class Pods:
    """The servers by port; `ready` are those that a Service would select."""

    ports: list[int]
    nodes: list[tuple[str, int]]
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Additional settings of all servers."""
    ready: set[int] = field(default_factory=set)
    cpu_seconds: float = 0.0
    _running: dict[int, tuple[Server, AsyncExitStack]] = field(default_factory=dict)

    async def start(self, port: int) -> None:
        """Start a server, and wait until it is ready."""
        stack = AsyncExitStack()
        settings = {
            "REDIS_NODES": ",".join(f"{host}:{number}" for host, number in self.nodes),
            "KEY_DIR": str(self.folder / "key"),
            "POOL": "prove/relay",
            "POD": f"pod-{self.ports.index(port)}",
            "ENVIRONMENT": "Staging",
            **UNLIMITED,
            **self.settings,
        }
        server = await stack.enter_async_context(signaling_server(self.folder / f"{port}.log", port, **settings))
        self._running[port] = (server, stack)
        self.ready.add(port)

    def signal(self, port: int, number: signal.Signals) -> None:
        """Send a signal; a killed or paused server is no longer ready."""
        if number is signal.SIGCONT:
            self.ready.add(port)
        else:
            self.ready.discard(port)
            self.cpu_seconds += self._cpu(port)
        self._running[port][0].process.send_signal(number)

    async def wait_for_exit(self, port: int) -> None:
        """Wait until a killed or terminated server has exited."""
        _, stack = self._running.pop(port)
        await stack.aclose()

    async def stop(self) -> None:
        """Kill all servers."""
        for port in list(self._running):
            self.signal(port, signal.SIGKILL)
            await self.wait_for_exit(port)

    def _cpu(self, port: int) -> float:
        fields = Path(f"/proc/{self._running[port][0].process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@dataclass
class Proof:
    """A run of the proof."""

    pods: Pods
    group: ClientGroup
    faults: list[Json] = field(default_factory=list)

    async def update_servers(self) -> None:
        """Let clients connect to the ready servers only."""
        await self.group.set_servers(sorted(map(_address, self.pods.ready)))

    @property
    def hits(self) -> int:
        """The number of kills while messages were in flight."""
        return sum(one["kind"] == "kill" and one["in_flight"] > 0 for one in self.faults)

    async def fault(self, port: int, kind: str) -> None:
        """Kill or pause a server, restore it, and wait until all its clients are online again."""
        since = time.monotonic()
        self.pods.signal(port, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
        await self.update_servers()
        if kind == "kill":
            await self.pods.wait_for_exit(port)
            await self.pods.start(port)
        else:
            await asyncio.sleep(PAUSE_SECONDS)
            self.pods.signal(port, signal.SIGCONT)
        await self.update_servers()
        back = await until(lambda: self._returned(port, since), RETURN_SECONDS)
        await asyncio.sleep(CALM_SECONDS)
        parts = await self.group.all("impact", _address(port), since)
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
        return not any(await self.group.all("offline", _address(port), since))


@asynccontextmanager
async def servers(folder: Path, nodes: list[tuple[str, int]]) -> AsyncIterator[Pods]:
    """Run the servers on a store; leaving the context kills them."""
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

    A kill without messages in flight proves little: up to `more_kills` further kills replace such kills.
    """
    async with (
        store.single(folder / "store") as nodes,
        servers(folder, nodes) as pods,
        ClientGroup.of(clients, processes) as group,
    ):
        return await _prove(Proof(pods, group), clients, faults, more_kills)


async def _prove(proof: Proof, clients: int, faults: Sequence[str], more_kills: int) -> Json:
    await proof.update_servers()
    began = time.monotonic()
    await proof.group.some("connect", 0, 1, seconds=600)
    connected = time.monotonic()
    await proof.group.some("start", 0, 1)
    await asyncio.sleep(2 * CALM_SECONDS)
    for turn, kind in enumerate([*faults, *["kill"] * more_kills]):
        if turn < len(faults) or proof.hits < faults.count("kill"):
            await proof.fault(proof.pods.ports[turn % SERVERS], kind)
    await proof.group.some("stop", 0, 1)
    lasted = time.monotonic() - connected
    drained = await until(proof.group.drained, DRAIN_SECONDS)
    counts = await proof.group.counts()
    delays = await proof.group.delays(connected)
    await proof.pods.stop()
    return {
        "clients": clients,
        "servers": SERVERS,
        "connect_seconds": round(connected - began, 1),
        "send_seconds": round(lasted, 1),
        "messages_per_second": round(counts["sent"] / lasted, 1),
        "sent": counts["sent"],
        "received": counts["received"],
        "lost": counts["outstanding"],
        "duplicated": counts["duplicated"],
        "out_of_order": counts["out_of_order"],
        "events": counts["events"],
        "delay_s": summary(delays),
        "kills": sum(one["kind"] == "kill" for one in proof.faults),
        "kills_with_messages_in_flight": proof.hits,
        "cpu_seconds": {"servers": round(proof.pods.cpu_seconds, 1), "clients": counts["cpu_seconds"]},
        "faults": proof.faults,
        "passed": drained and not (counts["duplicated"] or counts["out_of_order"] or harm(counts["events"])),
    }


def _address(port: int) -> str:
    return f"127.0.0.1:{port}"


def plan(kills: int, pauses: int) -> list[str]:
    """Return the kinds of faults in order, with the pauses spread evenly among the kills."""
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
    parser.add_argument("--processes", type=int, default=2, help="number of processes for the clients")
    given = parser.parse_args()
    folder = FOLDER / "relay"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures = asyncio.run(run(folder, given.clients, plan(given.kills, given.pauses), given.processes, given.kills))
    names = ("clients", "sent", "lost", "duplicated", "kills", "kills_with_messages_in_flight", "passed")
    short = {name: figures[name] for name in names}
    print(f"{write('relay', figures)}: {json.dumps(short)}")
    return 0 if figures["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
