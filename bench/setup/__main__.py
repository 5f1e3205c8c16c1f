"""`make bench-setup`: the time from the match to the call over the real server, compared with pages without a server.

The limit is two pages that signal within the browser. Two connections within one page are measured as well: they share
its threads and its camera, which is never the case in a real call.
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
"""Small, since these browsers paint on the CPU instead of a graphics card."""
SETTLE_SECONDS: Final = 3.0
"""After this time, a browser has finished its work for opened and closed windows, which would slow calls down."""
LATER_MS: Final = 200
CALL_SECONDS: Final = 30.0
Steps = dict[str, float]
Times = dict[str, float]


@dataclass
class Bench:
    """Makes each call with new pages: a pair that was matched recently is not matched again for 20 s.

    Each page has made one call before, like the page of a user who goes from call to call.
    """

    browser: Browser
    url: str

    async def call(self, relay: bool) -> dict[str, Any]:
        """Make a call; return its times in ms, and the time of each step per side."""
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
        since.sort(key=lambda one: one["received"] < one["local"])  # the impolite side sends its description first
        return {
            "av": max(one["connected"] for one in since),
            "data": max(one["data"] for one in since),
            "steps": dict(zip(SIDES, since, strict=True)),
        }

    async def within(self, relay: bool) -> Times:
        """Make a call within one page: the call page with limit.js instead of its program."""
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
                    await page.evaluate("hangUp()")
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
        """Open the page with limit.js in a window of its own: of two tabs in one window, one is not painted."""
        if context.pages:
            async with context.expect_page() as opened:
                await context.pages[0].evaluate("void window.open(location.href, '', 'popup, noopener')")
            page = await opened.value
        else:
            limit = {"path": HERE / "limit.js", "content_type": "text/javascript"}
            await context.route("**/web/app.js", lambda route: route.fulfill(**limit))
            page = await context.new_page()
            await page.goto(self.url)
        await until(lambda: page.evaluate("'ready' in globalThis"), "the page without a server")
        return page

    async def _context(self, stack: AsyncExitStack) -> BrowserContext:
        context = await self.browser.new_context(**WINDOW)
        stack.push_async_callback(context.close)
        return context


def _times(ends: Sequence[Times]) -> Times:
    """Return the ms until both ends of a call were connected."""
    began = min(end["began"] for end in ends)
    return {what: max(end[what] for end in ends) - began for what in ("av", "data")}


async def _meet(first: CallPage, second: CallPage) -> list[Steps]:
    """Start a call between two pages; return the time of each step per side, in ms."""
    await first.join_queue()
    await first.wait_for_state("queued")
    calls = [asyncio.create_task(person.page.evaluate("nextCall()")) for person in (first, second)]
    # A click from outside uses the processor for some milliseconds, so the page clicks by itself later.
    await second.page.evaluate(f"setTimeout(() => document.getElementById('start').click(), {LATER_MS})")
    return await _all(*calls)


async def _all(*pages: Awaitable[Any]) -> list[Any]:
    """Return the pages' results once their call is connected. Raises TimeoutError if it does not connect."""
    async with asyncio.timeout(CALL_SECONDS):
        return list(await asyncio.gather(*pages))


async def measure(folder: Path, rounds: int) -> Report:
    """Make each kind of call in turn, `rounds` times."""
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
    """Return the contents of build/bench/setup.json."""
    figures: dict[str, float] = {}
    for way in ("direct", "relay"):
        for what in ("av", "data"):
            ours = middle(found[way], what)
            figures[f"{way}_{what}_ms"] = ours
            for bound in ("limit", "one_page"):
                least = middle(found[f"{way}_{bound}"], what)
                figures |= {f"{way}_{what}_{bound}_ms": least, f"{way}_{what}_vs_{bound}": round(ours / least, 2)}
    steps = {way: {side: _steps(found[way], side) for side in SIDES} for way in ("direct", "relay")}
    return command.report(figures, TARGETS, len(found["direct"])) | {"steps_ms": steps}


def _steps(calls: Sequence[Mapping[str, Any]], side: str) -> Steps:
    """Return the median time of each step since the first page received the match, in order."""
    names = {name for call in calls for name in call["steps"][side]}
    found = {
        name: round(median(call["steps"][side][name] for call in calls if name in call["steps"][side]), 1)
        for name in names
    }
    return dict(sorted(found.items(), key=lambda step: step[1]))


def beside(_: Report, figure: str) -> str:
    """Return the target of a figure, for its line of output."""
    return f"  target {TARGETS[figure]}" if figure in TARGETS else ""


if __name__ == "__main__":
    command.main("setup", 11, measure, beside)
