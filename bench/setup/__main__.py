"""`make bench-setup`: from the match to the call, over the real server, beside the same page without one."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.async_api import Browser, Page
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
Steps = dict[str, float]


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
            steps = await _meet(*people)
        began = min(one["match"] for one in steps)
        since = [{name: round(at - began, 1) for name, at in one.items()} for one in steps]
        since.sort(key=lambda one: one["heard"] < one["local"])  # the impolite one describes itself first
        return {
            "av": max(one["connected"] for one in since),
            "data": max(one["data"] for one in since),
            "steps": dict(zip(SIDES, since, strict=True)),
        }

    async def least(self, relay: bool) -> dict[str, Any]:
        """Make a call within one page, which is the call page with another program in it."""
        async with AsyncExitStack() as stack:
            page = await self._page(stack)
            script = (HERE / "limit.js").read_text()
            await page.route("**/web/app.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
            await page.goto(self.url)
            await until(lambda: page.evaluate("'call' in globalThis"), "the page without a server")
            await page.evaluate("call", relay)
            found: dict[str, Any] = await page.evaluate("call", relay)
            return found

    async def _person(self, stack: AsyncExitStack, relay: bool) -> CallPage:
        person = CallPage.of(await self._page(stack))
        await person.page.add_init_script(path=HERE / "steps.js")
        await person.page.goto(self.url)
        await person.ready()
        await person.page.set_checked("#relay", relay)
        return person

    async def _page(self, stack: AsyncExitStack) -> Page:
        context = await self.browser.new_context(**WINDOW)
        stack.push_async_callback(context.close)
        return await context.new_page()


async def _meet(first: CallPage, second: CallPage) -> list[Steps]:
    """Have two people meet; return what came when on each side, in ms."""
    for person in (first, second):
        await person.page.evaluate("forget()")
    await first.look_for_partner()
    await first.wait_for_state("queued")
    await second.look_for_partner()
    for person in (first, second):
        await person.until("'data' in steps && 'connected' in steps")
    return [await person.page.evaluate("steps") for person in (first, second)]


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
                ours, least = await bench.call(relay), await bench.least(relay)
                if turn_number:  # the first round warms up
                    found.setdefault(name, []).append(ours)
                    found.setdefault(f"{name}_limit", []).append(least)
                    print(f"{name:7} {ours['av']:6.1f} ms, the limit {least['av']:6.1f} ms", flush=True)
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
            ours, least = middle(found[way], what), middle(found[f"{way}_limit"], what)
            figures |= {
                f"{way}_{what}_ms": ours,
                f"{way}_{what}_limit_ms": least,
                f"{way}_{what}_vs_limit": round(ours / least, 2),
            }
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
    command.main("setup", 15, measure, beside)
