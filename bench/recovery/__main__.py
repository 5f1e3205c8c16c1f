"""`make bench-recovery`: what two people in a call miss when something under it fails, in seconds."""

import argparse
import asyncio
import json
import os
import platform
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from playwright.async_api import Browser
from prove.cuts import cuttable
from prove.relay import Pods
from tests.browser.call import CallPage, Diary, chromium, meet
from tests.browser.lan import HOST, lan
from tests.browser.network import Link
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import free_port, turn_server
from tests.e2e.signaling import store

TARGETS: Final = {"network_change_s": 2.0}
FAILED_AFTER: Final = 17.0
"""Seconds of silence after which Chromium says `failed`: 5.5 s until `disconnected`, and 10 s more."""
Figures = dict[str, list[float]]
People = tuple[CallPage, CallPage]


async def pair(browser: Browser, other_browser: Browser, url: str) -> People:
    """Open two pages and have them meet."""
    people = await CallPage.open(browser, url), await CallPage.open(other_browser, url)
    await meet(*people)
    for person in people:
        await person.assert_moving()
    await people[0].page.click("#show-chat")
    return people


async def standstill(people: People, fault: Callable[[], Awaitable[object]]) -> float:
    """Cause a fault, wait until both see each other again, and return the longer time without a moving picture."""
    diaries = [await Diary.of(person) for person in people]
    await fault()
    for person in people:
        await person.until("performance.now() - diary.began > 3000 && performance.now() - diary.frameAt < 300", 60)
        await person.wait_for_state("connected", 60)
    return max([await diary.longest_standstill() for diary in diaries])


@asynccontextmanager
async def over_two_pods(folder: Path) -> AsyncIterator[tuple[People, Pods, list[int]]]:
    """Give a call over the first of two pods that share a store; the list says which one connections go to."""
    (folder / "key").mkdir(parents=True)
    (folder / "key" / "current").write_bytes(secrets.token_bytes(32))
    async with store.single(folder / "store") as nodes, chromium() as browser:
        pods = Pods(store.free_ports(2), nodes, folder)
        try:
            for port in pods.ports:
                await pods.start(port)
            used = list(pods.ports)
            async with cuttable(lambda: used[0]) as way:
                yield await pair(browser, browser, f"http://localhost:{way.port}"), pods, used
        finally:
            await pods.stop()


async def pod_gone(folder: Path, rounds: int, number: signal.Signals, name: str) -> Figures:
    """Kill the pod that has both sessions, or have it send them away."""
    found: Figures = {f"{name}_s": [], f"{name}_picture_s": []}
    async with over_two_pods(folder) as ((one, other), pods, used):
        for turn in range(rounds):
            text = f"Are you there? {turn}"
            diary = await Diary.of(other)
            gone = used[0]
            used.reverse()
            began = time.monotonic()
            pods.signal(gone, number)
            await one.page.fill("#text", text)
            await one.page.press("#text", "Enter")
            await other.sees("#lines", text)
            found[f"{name}_s"].append(time.monotonic() - began)
            for person in (one, other):
                await person.sees("#link", "Online")
            found[f"{name}_picture_s"].append(await diary.longest_standstill())
            await pods.bury(gone)
            await pods.start(gone)
    return found


async def network_change(folder: Path, rounds: int) -> Figures:
    """Have one person's network go, and another one come, back and forth."""
    found: Figures = {"network_change_s": []}
    with lan(folder, ada=("wifi0", "cell0"), ben=("eth0",)) as (ada, ben):
        ada.interface("cell0", up=False)
        async with signaling_server(folder / "server.log", 0, HOST) as server:
            trusted = f"--unsafely-treat-insecure-origin-as-secure={server.url}"
            async with (
                chromium(trusted, executable=ada.browser) as hers,
                chromium(trusted, executable=ben.browser) as his,
            ):
                people = await pair(hers, his, server.url)
                devices = ["wifi0", "cell0"]
                for _ in range(rounds):

                    async def change() -> None:
                        ada.interface(devices[0], up=False)
                        await people[0].until("!navigator.onLine")
                        ada.interface(devices[1], up=True)

                    found["network_change_s"].append(await standstill(people, change))
                    devices.reverse()
    return found


async def ice_failure(folder: Path, rounds: int) -> Figures:
    """Lose everything until the browser gives the connection up; measured from when the path is back."""
    found: Figures = {"ice_failure_s": []}
    async with signaling_server(folder / "server.log") as server, chromium() as browser:
        people = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(people[0])
        await meet(*people)
        for _ in range(rounds):
            for person in people:
                await person.assert_moving()
            await link.set(packetLoss=100)
            await asyncio.sleep(FAILED_AFTER)
            for person in people:
                await Diary.of(person)
            await link.set()
            began = time.monotonic()
            for person in people:
                await person.until("diary.longest > 0 && performance.now() - diary.frameAt < 300", 60)
            found["ice_failure_s"].append(time.monotonic() - began)
            for person in people:
                await person.wait_for_state("connected")
    return found


async def relay_killed(folder: Path, rounds: int) -> Figures:
    """Kill a relay while there is another one."""
    found: Figures = {"relay_killed_s": []}
    secret, ports = secrets.token_hex(16), [free_port(), free_port()]
    for port in ports:
        (folder / str(port)).mkdir(parents=True)
    urls = [f"turn:127.0.0.1:{port}?transport=udp" for port in ports]
    settings = ice_directory(folder / "directory.json", secret, *urls)
    async with signaling_server(folder / "server.log", 0, **settings) as server, chromium() as browser:
        for _ in range(rounds):
            async with (
                turn_server(folder / str(ports[0]), secret, ports[0]) as first,
                turn_server(folder / str(ports[1]), secret, ports[1]),
            ):
                people = await pair(browser, browser, f"{server.url}/?relay=1")
                found["relay_killed_s"].append(await standstill(people, first.kill))
                for person in people:
                    await person.page.context.close()
    return found


async def measure(folder: Path, rounds: int) -> Figures:
    """Go through all faults."""
    found: Figures = {}
    faults: Sequence[tuple[str, Callable[[Path], Awaitable[Figures]]]] = [
        ("kill", lambda place: pod_gone(place, rounds, signal.SIGKILL, "pod_killed")),
        ("goaway", lambda place: pod_gone(place, rounds, signal.SIGTERM, "goaway")),
        ("network", lambda place: network_change(place, rounds)),
        ("ice", lambda place: ice_failure(place, rounds)),
        ("relay", lambda place: relay_killed(place, rounds)),
    ]
    for name, fault in faults:
        place = folder / name
        place.mkdir()
        for figure, values in (await fault(place)).items():
            print(f"{figure:20} {[round(value, 2) for value in values]}", flush=True)
            found[figure] = values
    return found


def report(found: Figures) -> dict[str, Any]:
    """Return what build/bench/recovery.json holds."""
    figures = {name: round(median(values), 2) for name, values in found.items()}
    return {
        "figures": figures,
        "longest": {name: round(max(values), 2) for name, values in found.items()},
        "met": {name: figures[name] <= most for name, most in TARGETS.items()},
        "rounds": min(map(len, found.values())),
        "machine": {"cores": os.cpu_count(), "kernel": platform.release()},
    }


def main() -> None:
    """Print the medians and write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery")
    parser.add_argument("--out", type=Path, default=Path("build/bench/recovery.json"))
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="recovery-", dir=options.out.parent) as folder:
        found = report(asyncio.run(measure(Path(folder), options.rounds)))
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    for name, figure in found["figures"].items():
        print(f"{name:20}{figure:8} s, at most {found['longest'][name]} s")


if __name__ == "__main__":
    main()
