"""`make bench-recovery`: how long the video and the chat of a call stop when a component below it fails, in seconds."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

from playwright.async_api import Browser
from prove.proxy import cuttable_proxy
from prove.relay import Pods
from tests.browser.call import CallPage, Recording, chromium, start_call
from tests.browser.lan import HOST, Home, lan
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import turn_server
from tests.e2e.signaling import store
from tests.ports import free_port, free_ports

from bench import command
from bench.command import Report

ROUNDS: Final = 5
TARGETS: Final = {"network_change_s": 2.0}
FAILED_AFTER: Final = 17.0
"""Seconds without packets after which Chromium's connection is `failed`: 5.5 s until `disconnected`, and 10 s more."""
CALM_SECONDS: Final = 11.0
"""Seconds after which a working call resets its counters of failures (recovery.js), so that rounds are independent."""
STOP_SECONDS: Final = "6"
"""Maximum time in which a pod moves its clients before it exits."""
MOVING: Final = "performance.now() - recording.frameAt < 300"
Figures = dict[str, list[float]]
People = tuple[CallPage, CallPage]


async def pair(browser: Browser, other_browser: Browser, url: str) -> People:
    """Open two pages in a call with each other."""
    people = await CallPage.open(browser, url), await CallPage.open(other_browser, url)
    await start_call(*people)
    for person in people:
        await person.assert_moving()
    await people[0].page.click("#show-chat")
    return people


async def standstill(people: People, fault: Callable[[], Awaitable[object]]) -> float:
    """Cause a fault, wait until both sides receive video again, and return the longer time without it."""
    recordings = [await Recording.start(person) for person in people]
    await fault()
    for person in people:
        await person.until(
            "performance.now() - recording.began > 3000 && performance.now() - recording.frameAt < 300", 60
        )
        await person.wait_for_state("connected", 60)
    return max([await recording.longest_freeze() for recording in recordings])


@asynccontextmanager
async def over_two_pods(folder: Path) -> AsyncIterator[tuple[People, Pods, list[int]]]:
    """Yield a call over two pods that share a store, and the list whose first port new connections use."""
    (folder / "key").mkdir(parents=True)
    (folder / "key" / "current").write_bytes(secrets.token_bytes(32))
    async with store.single(folder / "store") as nodes, chromium() as browser:
        pods = Pods(free_ports(2), nodes, folder, {"STOP_SECONDS": STOP_SECONDS})
        try:
            for port in pods.ports:
                await pods.start(port)
            used = list(pods.ports)
            async with cuttable_proxy(lambda: used[0]) as proxy:
                yield await pair(browser, browser, f"http://localhost:{proxy.port}"), pods, used
        finally:
            await pods.stop()


async def line(people: People) -> float:
    """Send a chat message, and return the seconds until the other side shows it."""
    writer, reader = people
    text = secrets.token_hex(4)
    began = time.monotonic()
    await writer.page.fill("#text", text)
    await writer.page.press("#text", "Enter")
    await reader.sees("#lines", text)
    return time.monotonic() - began


async def pod_gone(folder: Path, rounds: int, number: signal.Signals, name: str) -> Figures:
    """Kill or stop the pod that has both sessions, while one side sends chat messages to the other."""
    found: Figures = {f"{name}_s": [], f"{name}_video_s": []}
    async with over_two_pods(folder) as (people, pods, used):
        for _ in range(rounds):
            recordings = [await Recording.start(person) for person in people]
            gone = used[0]
            used.reverse()
            pods.signal(gone, number)
            ending = asyncio.create_task(pods.wait_for_exit(gone))
            lines = [await line(people)]
            while not ending.done():
                lines.append(await line(people))
            await ending
            for person in people:
                await person.sees("#link", "Online")
            found[f"{name}_s"].append(max(lines))
            found[f"{name}_video_s"].append(max([await recording.longest_freeze() for recording in recordings]))
            await pods.start(gone)
    return found


@asynccontextmanager
async def over_a_lan(folder: Path, *devices: str) -> AsyncIterator[tuple[Home, People]]:
    """Yield a call between two home networks, and the first of them, which has these network interfaces."""
    with lan(folder, ada=devices, ben=("eth0",)) as (ada, ben):
        for device in devices[1:]:
            ada.interface(device, up=False)
        async with signaling_server(folder / "server.log", 0, HOST) as server:
            trusted = f"--unsafely-treat-insecure-origin-as-secure={server.url}"
            async with (
                chromium(trusted, executable=ada.browser) as first,
                chromium(trusted, executable=ben.browser) as second,
            ):
                yield ada, await pair(first, second, server.url)


async def network_change(folder: Path, rounds: int) -> Figures:
    """Switch one side between two networks."""
    found: Figures = {"network_change_s": []}
    devices = ["wifi0", "cell0"]
    async with over_a_lan(folder, *devices) as (ada, people):

        async def change() -> None:
            ada.interface(devices[0], up=False)
            await people[0].until("!navigator.onLine")
            ada.interface(devices[1], up=True)

        for _ in range(rounds):
            found["network_change_s"].append(await standstill(people, change))
            devices.reverse()
            await asyncio.sleep(CALM_SECONDS)
    return found


async def ice_failure(folder: Path, rounds: int) -> Figures:
    """Block media until the browser reports `failed`; measure from the time when the path works again."""
    found: Figures = {"ice_failure_s": []}
    async with over_a_lan(folder, "eth0") as (ada, people):
        for _ in range(rounds):
            for person in people:
                await person.assert_moving()
            ada.udp(blocked=True)
            await asyncio.sleep(FAILED_AFTER)
            for person in people:
                await person.wait_for_state("away", 1)
                await Recording.start(person)
            ada.udp(blocked=False)
            began = time.monotonic()
            for person in people:
                await person.until(f"recording.longest > 0 && {MOVING}", 60)
            found["ice_failure_s"].append(time.monotonic() - began)
            for person in people:
                await person.wait_for_state("connected")
            await asyncio.sleep(CALM_SECONDS)
    return found


async def relay_killed(folder: Path, rounds: int) -> Figures:
    """Kill the relay in use while another one is available."""
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


async def measure(folder: Path, rounds: int) -> Report:
    """Measure all faults."""
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
    return report(found)


def report(found: Figures) -> Report:
    """Return the contents of build/bench/recovery.json."""
    figures = {name: round(median(values), 2) for name, values in found.items()}
    longest = {name: round(max(values), 2) for name, values in found.items()}
    return command.report(figures, TARGETS, min(map(len, found.values()))) | {"longest": longest}


if __name__ == "__main__":
    command.main("recovery", ROUNDS, measure, lambda found, name: f" s, at most {found['longest'][name]} s")
