"""Hundreds of calls in a real Chromium, over each way that media can take: `make prove-calls`.

People, each on a network of its own, meet one after another on a real server, with a real coturn: directly, or through
the relay only, which they reach by UDP, TCP or TLS; with packets lost; and with both pages' connections to the server
cut in the middle of the set-up. A call counts once both pages show the other one's moving picture.
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

from prove.cuts import Cuttable, cuttable
from prove.pool import OPEN
from prove.report import FOLDER, write

Way: TypeAlias = Literal["direct", "udp", "tcp", "tls"]
LOSSES: Final = (0.0, 2.0, 5.0)
"""Percent of all packets of one page, each way: of media, of connections to the relay, and of signaling."""
TRUSTED: Final = "--unsafely-treat-insecure-origin-as-secure="
TARGET: Final = 0.99
CALL_SECONDS: Final = 30.0
CUTS: Final = 6
"""How many pieces of what the server says pass after the match before the cut: 0 to this, in turn."""
MOVING: Final = "document.getElementById('remote').getVideoPlaybackQuality().totalVideoFrames > 2"


@dataclass(frozen=True)
class Kind:
    """What a call goes through."""

    way: Way
    loss: float
    cut: bool


@dataclass(frozen=True)
class Outcome:
    """How a call came about; `problem` is empty if it did."""

    kind: Kind
    seconds: float
    problem: str


def matrix() -> Iterator[Kind]:
    """Give each kind of call."""
    for way, loss, cut in product(get_args(Way), LOSSES, (False, True)):
        yield Kind(way, loss, cut)


@dataclass(frozen=True)
class Desk:
    """Where calls are made, one after the other: a server, the way to it, and a home whose network loses packets."""

    way: Cuttable
    directory: Path
    home: Home

    @property
    def url(self) -> str:
        """Where both people reach the server."""
        return f"http://{HOST}:{self.way.port}"


class Person:
    """Somebody at a desk who makes one call after the other.

    Each is with another partner: whoever met lately would wait for each other.
    """

    def __init__(self, desk: Desk, own: Browser, partners: Browser) -> None:
        self._desk = desk
        self._own = own
        self._partners = partners
        self._page: CallPage | None = None

    async def call(self, kind: Kind, cut_after: int) -> Outcome:
        """Meet a partner once and part."""
        self._page = one = self._page or await self._open(self._own)
        other = await self._open(self._partners)
        began = time.monotonic()
        try:
            for person in (one, other):
                await person.page.set_checked("#relay", kind.way != "direct")
            await asyncio.to_thread(self._desk.home.conditions, f"loss={kind.loss}%")
            self._desk.way.arm(cut_after if kind.cut else None)
            began = time.monotonic()
            for person in (one, other):
                await person.look_for_partner()
            for person in (one, other):
                await person.wait_for_state("connected", CALL_SECONDS)
                await person.until(MOVING, CALL_SECONDS)
            seconds = time.monotonic() - began
            await asyncio.to_thread(self._desk.home.conditions, "")
            await one.page.click("#leave")
            for person in (one, other):
                await person.wait_for_state("idle", CALL_SECONDS)
            await one.ready()
        except (AssertionError, Error) as error:
            await asyncio.to_thread(self._desk.home.conditions, "")
            await one.page.context.close()
            self._page = None
            return Outcome(kind, time.monotonic() - began, str(error))
        finally:
            await other.page.context.close()
        return Outcome(kind, seconds, "")

    async def _open(self, browser: Browser) -> CallPage:
        opened = await CallPage.open(browser, self._desk.url)
        # Pictures cost the processor, and their size is not what is proven.
        await opened.page.select_option("#video-quality", "low", force=True)
        return opened


async def prove(folder: Path, kinds: Sequence[Kind], each: int, at_once: int = 2) -> list[Outcome]:
    """Make `each` calls of each kind, at several desks at once; return how they came about."""
    outcomes: list[Outcome] = []
    secret = secrets.token_hex(16)
    todo = iter([(kind, number % (CUTS + 1)) for number in range(each) for kind in kinds])
    async with AsyncExitStack() as stack:
        names = ("steady", *(f"lossy-{number}" for number in range(at_once)))
        steady, *lossy = stack.enter_context(lan(folder, **dict.fromkeys(names, ("eth0",))))
        turn = await stack.enter_async_context(turn_server(folder, secret, address=HOST, tls=True))
        desks = [await _desk(stack, folder / home.name, home, turn, secret) for home in lossy]
        flags = ("--ignore-certificate-errors", TRUSTED + ",".join(desk.url for desk in desks))
        theirs, *hers = [
            await stack.enter_async_context(chromium(*flags, executable=home.browser)) for home in (steady, *lossy)
        ]
        async with asyncio.TaskGroup() as people:
            for desk, browser in zip(desks, hers, strict=True):
                people.create_task(_calls(desk, Person(desk, browser, theirs), turn, secret, todo, outcomes))
    return outcomes


async def _desk(stack: AsyncExitStack, place: Path, home: Home, turn: TurnServer, secret: str) -> Desk:
    directory = place.with_suffix(".json")
    settings = {**OPEN, **ice_directory(directory, secret, turn.url())}
    server = await stack.enter_async_context(signaling_server(place.with_suffix(".log"), 0, **settings))
    port = int(server.url.rpartition(":")[2])
    way = await stack.enter_async_context(cuttable(lambda: port, HOST))
    return Desk(way, directory, home)


async def _calls(
    desk: Desk, person: Person, turn: TurnServer, secret: str, todo: Iterator[tuple[Kind, int]], outcomes: list[Outcome]
) -> None:
    """Take calls from what is to do."""
    for kind, cut_after in todo:
        ice_directory(desk.directory, secret, *([] if kind.way == "direct" else [turn.url(kind.way)]))
        outcome = await person.call(kind, cut_after)
        outcomes.append(outcome)
        print(f"{len(outcomes):4} {asdict(kind)} {outcome.seconds:.2f} s {outcome.problem[:200]}", flush=True)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what the proof says."""
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
