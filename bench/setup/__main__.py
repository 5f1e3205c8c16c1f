"""`make bench-setup`: from the match to the call, over the real server, beside the same pages without one.

The limit is two pages that signal within the browser. Two connections of one page are measured beside it: they share
its threads and its camera, which people who meet never do.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Page
from tests.browser.call import CallPage, chromium
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import turn_server
from tests.browser.waiting import until

from bench import command
from bench.command import Report

HERE: Final = Path(__file__).parent
TARGETS: Final = {"direct_av_vs_limit": 1.2, "relay_av_vs_limit": 1.2, "direct_av_ms": 100.0}
SIDES: Final = ("impolite", "polite")
WINDOW: Final[dict[str, Any]] = {"viewport": {"width": 480, "height": 360}, "permissions": ["camera", "microphone"]}
"""Small, since painting costs these browsers the processor, which on people's machines the graphics card does."""
SETTLE_SECONDS: Final = 3.0
"""After which a browser has finished what comes with windows that open and close: it takes the processor from calls."""
LATER_MS: Final = 200
CALL_SECONDS: Final = 30.0
Steps = dict[str, float]
Times = dict[str, float]


@dataclass
class Bench:
    """Makes each call with pages of its own: who met lately waits 20 s for each other, and the browser falls asleep.

    All pages have made one call before, as that of somebody who goes from one to the next.
    """

    browser: Browser
    url: str

    async def call(self, relay: bool) -> dict[str, Any]:
        """Make a call; return what it took in ms, and what came when on each side."""
        async with AsyncExitStack() as stack:
            people = [await self._person(stack, relay) for _ in SIDES]
            async with AsyncExitStack() as before:
                for person in people:
                    other = await self._person(before, relay)
                    await _meet(person, other)
                    await person.page.click("#leave")
                    for one in (person, other):
                        await one.wait_for_state("idle")
            await asyncio.sleep(SETTLE_SECONDS)
            steps = await _meet(*people)
        began = min(one["match"] for one in steps)
        since = [{name: round(at - began, 1) for name, at in one.items()} for one in steps]
        since.sort(key=lambda one: one["heard"] < one["local"])  # the impolite one describes itself first
        return {
            "av": max(one["connected"] for one in since),
            "data": max(one["data"] for one in since),
            "steps": dict(zip(SIDES, since, strict=True)),
        }

    async def within(self, relay: bool) -> Times:
        """Make a call within one page, which is the call page with another program in it."""
        async with AsyncExitStack() as stack:
            page = await self._limit(await self._context(stack))
            await _all(page.evaluate("callWithin", relay))
            await asyncio.sleep(SETTLE_SECONDS)
            (times,) = await _all(page.evaluate("callWithin", relay))
            return _times(times)

    async def across(self, relay: bool) -> Times:
        """Make a call between two such pages."""
        async with AsyncExitStack() as stack:
            context = await self._context(stack)
            pages = [await self._limit(context) for _ in SIDES]

            async def call() -> Times:
                for page in pages:
                    await page.evaluate("ready", relay)
                times = await _all(*(page.evaluate("callAcross", page is pages[0]) for page in pages))
                for page in pages:
                    await page.evaluate("part()")
                return _times(times)

            await call()
            await asyncio.sleep(SETTLE_SECONDS)
            return await call()

    async def _person(self, stack: AsyncExitStack, relay: bool) -> CallPage:
        person = CallPage.of(await (await self._context(stack)).new_page())
        await person.page.add_init_script(path=HERE / "steps.js")
        await person.page.goto(self.url)
        await person.ready()
        await person.page.set_checked("#relay", relay)
        return person

    async def _limit(self, context: BrowserContext) -> Page:
        """Open the page with the other program, in a window of its own: of two in one window, one is not painted."""
        if context.pages:
            async with context.expect_page() as opened:
                await context.pages[0].evaluate("void window.open(location.href, '', 'popup, noopener')")
            page = await opened.value
        else:
            other = {"path": HERE / "limit.js", "content_type": "text/javascript"}
            await context.route("**/web/app.js", lambda route: route.fulfill(**other))
            page = await context.new_page()
            await page.goto(self.url)
        await until(lambda: page.evaluate("'ready' in globalThis"), "the page without a server")
        return page

    async def _context(self, stack: AsyncExitStack) -> BrowserContext:
        context = await self.browser.new_context(**WINDOW)
        stack.push_async_callback(context.close)
        return context


def _times(ends: Sequence[Times]) -> Times:
    """Return after how many ms both ends of a call were there."""
    began = min(end["began"] for end in ends)
    return {what: max(end[what] for end in ends) - began for what in ("av", "data")}


async def _meet(first: CallPage, second: CallPage) -> list[Steps]:
    """Have two people meet; return what came when on each side, in ms."""
    await first.look_for_partner()
    await first.wait_for_state("queued")
    calls = [asyncio.create_task(person.page.evaluate("nextCall()")) for person in (first, second)]
    # What is clicked or asked from outside takes the processor for some milliseconds: the page does it later by itself.
    await second.page.evaluate(f"setTimeout(() => document.getElementById('start').click(), {LATER_MS})")
    return await _all(*calls)


async def _all(*pages: Awaitable[Any]) -> list[Any]:
    """Return what pages say once their call is there. Raises TimeoutError if it does not come about."""
    async with asyncio.timeout(CALL_SECONDS):
        return list(await asyncio.gather(*pages))


async def measure(folder: Path, rounds: int) -> Report:
    """Make all kinds of calls in turn, `rounds` times."""
    secret = secrets.token_hex(16)
    async with AsyncExitStack() as stack:
        turn = await stack.enter_async_context(turn_server(folder, secret))
        settings = ice_directory(folder / "directory.json", secret, turn.url())
        server = await stack.enter_async_context(signaling_server(folder / "server.log", 0, **settings))
        browser = await stack.enter_async_context(chromium())
        bench = Bench(browser, server.url)
        found: dict[str, list[dict[str, Any]]] = {}
        for turn_number in range(rounds + 1):
            for relay, name in ((False, "direct"), (True, "relay")):
                ours, limit, one_page = await bench.call(relay), await bench.across(relay), await bench.within(relay)
                if turn_number:  # the first round warms up
                    for suffix, call in (("", ours), ("_limit", limit), ("_one_page", one_page)):
                        found.setdefault(name + suffix, []).append(call)
                    times = (
                        f"{ours['av']:6.1f} ms, the limit {limit['av']:6.1f} ms, in one page {one_page['av']:6.1f} ms"
                    )
                    print(f"{name:7} {times}", flush=True)
        return report(found)


def middle(calls: Sequence[Mapping[str, Any]], what: str) -> float:
    """Return the median in ms."""
    values: list[float] = [call[what] for call in calls]
    return round(median(values), 1)


def report(found: dict[str, list[dict[str, Any]]]) -> Report:
    """Return what build/bench/setup.json holds."""
    figures: dict[str, float] = {}
    for way in ("direct", "relay"):
        for what in ("av", "data"):
            ours = middle(found[way], what)
            figures[f"{way}_{what}_ms"] = ours
            for least in ("limit", "one_page"):
                its = middle(found[f"{way}_{least}"], what)
                figures |= {f"{way}_{what}_{least}_ms": its, f"{way}_{what}_vs_{least}": round(ours / its, 2)}
    steps = {way: {side: _steps(found[way], side) for side in SIDES} for way in ("direct", "relay")}
    return command.report(figures, TARGETS, len(found["direct"])) | {"steps_ms": steps}


def _steps(calls: Sequence[Mapping[str, Any]], side: str) -> Steps:
    """Return the medians of when each step was reached after the first page knew of the match, in their order."""
    names = {name for call in calls for name in call["steps"][side]}
    found = {
        name: round(median(call["steps"][side][name] for call in calls if name in call["steps"][side]), 1)
        for name in names
    }
    return dict(sorted(found.items(), key=lambda step: step[1]))


def beside(_: Report, figure: str) -> str:
    """Return what stands beside a figure."""
    return f"  target {TARGETS[figure]}" if figure in TARGETS else ""


if __name__ == "__main__":
    command.main("setup", 11, measure, beside)
