"""Hundreds of calls in a real Chromium over each path that media can take: `make prove-calls`.

Pages on networks of their own call each other over a real server and a real coturn: directly, or only over the relay by
UDP, TCP or TLS; with packet loss; and with both connections to the server cut in the middle of the setup. A call counts
as connected once both pages show the other one's video.
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, TypeAlias, get_args

from playwright.async_api import Browser, Error
from tests.browser.call import CallPage, chromium
from tests.browser.lan import HOST, Home, lan
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import TurnServer, turn_server

from prove.proxy import CuttableProxy, cuttable_proxy
from prove.report import FOLDER, write
from prove.settings import UNLIMITED

Transport: TypeAlias = Literal["direct", "udp", "tcp", "tls"]
LOSSES: Final = (0.0, 2.0, 5.0)
"""Percentage of lost packets of one page in each direction: media, connections to the relay, and signaling."""
TRUSTED: Final = "--unsafely-treat-insecure-origin-as-secure="
TARGET: Final = 0.99
CALL_SECONDS: Final = 30.0
CUTS: Final = 6
"""The cut comes after 0 to this many chunks from the server that follow the match, in turn."""
MOVING: Final = "document.getElementById('remote').getVideoPlaybackQuality().totalVideoFrames > 2"


@dataclass(frozen=True)
class Kind:
    """The conditions of a call."""

    path: Transport
    loss: float
    cut: bool


@dataclass(frozen=True)
class Outcome:
    """The result of a call; `problem` is empty if it connected."""

    kind: Kind
    seconds: float
    problem: str


def matrix() -> Iterator[Kind]:
    """Yield each kind of call."""
    for path, loss, cut in product(get_args(Transport), LOSSES, (False, True)):
        yield Kind(path, loss, cut)


@dataclass(frozen=True)
class Site:
    """A server, a proxy in front of it, and a home network with packet loss; one call at a time."""

    proxy: CuttableProxy
    directory: Path
    home: Home

    @property
    def url(self) -> str:
        """The URL of the call page for both sides."""
        return f"http://{HOST}:{self.proxy.port}"


class Caller:
    """A page at a site that makes one call after the other.

    Each call has a new peer, since a pair that was matched recently would have to wait.
    """

    def __init__(self, site: Site, own: Browser, peers: Browser) -> None:
        self._site = site
        self._own = own
        self._peers = peers
        self._page: CallPage | None = None

    async def call(self, kind: Kind, cut_after: int) -> Outcome:
        """Make one call with a new peer, and leave it."""
        self._page = one = self._page or await self._open(self._own)
        other = await self._open(self._peers)
        began = time.monotonic()
        try:
            for person in (one, other):
                await person.page.set_checked("#relay", kind.path != "direct")
            await asyncio.to_thread(self._site.home.conditions, f"loss={kind.loss}%")
            self._site.proxy.arm(cut_after if kind.cut else None)
            began = time.monotonic()
            for person in (one, other):
                await person.join_queue()
            for person in (one, other):
                await person.wait_for_state("connected", CALL_SECONDS)
                await person.until(MOVING, CALL_SECONDS)
            seconds = time.monotonic() - began
            await asyncio.to_thread(self._site.home.conditions, "")
            await one.page.click("#leave")
            for person in (one, other):
                await person.wait_for_state("idle", CALL_SECONDS)
            await one.ready()
        except (AssertionError, Error) as error:
            await asyncio.to_thread(self._site.home.conditions, "")
            await one.page.context.close()
            self._page = None
            return Outcome(kind, time.monotonic() - began, str(error))
        finally:
            await other.page.context.close()
        return Outcome(kind, seconds, "")

    async def _open(self, browser: Browser) -> CallPage:
        opened = await CallPage.open(browser, self._site.url)
        # Encoding takes CPU time, and the size of the video is irrelevant here.
        await opened.page.select_option("#video-quality", "low", force=True)
        return opened


async def prove(folder: Path, kinds: Sequence[Kind], each: int, at_once: int = 2) -> list[Outcome]:
    """Make `each` calls of each kind, at several sites at once; return their results."""
    outcomes: list[Outcome] = []
    secret = secrets.token_hex(16)
    todo = iter([(kind, number % (CUTS + 1)) for number in range(each) for kind in kinds])
    async with AsyncExitStack() as stack:
        names = ("steady", *(f"lossy-{number}" for number in range(at_once)))
        steady, *lossy = stack.enter_context(lan(folder, **dict.fromkeys(names, ("eth0",))))
        turn = await stack.enter_async_context(turn_server(folder, secret, address=HOST, tls=True))
        sites = [await _site(stack, folder / home.name, home, turn, secret) for home in lossy]
        flags = ("--ignore-certificate-errors", TRUSTED + ",".join(site.url for site in sites))
        peers, *browsers = [
            await stack.enter_async_context(chromium(*flags, executable=home.browser)) for home in (steady, *lossy)
        ]
        async with asyncio.TaskGroup() as callers:
            for site, browser in zip(sites, browsers, strict=True):
                callers.create_task(_calls(site, Caller(site, browser, peers), turn, secret, todo, outcomes))
    return outcomes


async def _site(stack: AsyncExitStack, place: Path, home: Home, turn: TurnServer, secret: str) -> Site:
    directory = place.with_suffix(".json")
    settings = {**UNLIMITED, **ice_directory(directory, secret, turn.url())}
    server = await stack.enter_async_context(signaling_server(place.with_suffix(".log"), 0, **settings))
    port = int(server.url.rpartition(":")[2])
    proxy = await stack.enter_async_context(cuttable_proxy(lambda: port, HOST))
    return Site(proxy, directory, home)


async def _calls(
    site: Site, caller: Caller, turn: TurnServer, secret: str, todo: Iterator[tuple[Kind, int]], outcomes: list[Outcome]
) -> None:
    """Make calls until none is left to do."""
    for kind, cut_after in todo:
        ice_directory(site.directory, secret, *([] if kind.path == "direct" else [turn.url(kind.path)]))
        outcome = await caller.call(kind, cut_after)
        outcomes.append(outcome)
        print(f"{len(outcomes):4} {asdict(kind)} {outcome.seconds:.2f} s {outcome.problem[:200]}", flush=True)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of the proof."""
    kinds = list(dict.fromkeys(outcome.kind for outcome in outcomes))
    rows = []
    for kind in kinds:
        of_kind = [outcome for outcome in outcomes if outcome.kind == kind]
        good = [outcome.seconds for outcome in of_kind if not outcome.problem]
        rows.append({
            **asdict(kind), "calls": len(of_kind), "connected": len(good),
            "median_seconds": round(median(good), 3) if good else None,
            "longest_seconds": round(max(good), 3) if good else None,
        })  # fmt: skip
    connected = sum(not outcome.problem for outcome in outcomes)
    return {
        "calls": len(outcomes),
        "connected": connected,
        "share": round(connected / len(outcomes), 4),
        "passed": connected / len(outcomes) >= TARGET,
        "kinds": rows,
        "problems": [
            {**asdict(outcome.kind), "problem": outcome.problem} for outcome in outcomes if outcome.problem
        ],
    }  # fmt: skip


async def main(each: int, at_once: int) -> int:
    """Run the proof; return the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="calls-", dir=FOLDER) as folder:
        found = figures(await prove(Path(folder), list(matrix()), each, at_once))
    print(f"{write('calls', found)}: {json.dumps({name: found[name] for name in ('calls', 'connected', 'share')})}")
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=9, help="calls of each kind")
    parser.add_argument("--at-once", type=int, default=2, help="calls at the same time")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.each, given.at_once)))
