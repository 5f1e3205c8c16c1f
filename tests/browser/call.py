"""A real call between two pages of a real Chromium with fake cameras, against any URL that serves the call page."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = os.environ.get("SWITCHBOARD_CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
# Pages of a test are in the background of each other: their timers and frames must go on.
ALL_IN_FRONT = (
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
CALL_SECONDS = 30.0
POLL_SECONDS = 0.05
LIT_PIXELS = 64 * 48 / 4

# Two looks at a video, 300 ms apart: frames shown so far, and the picture drawn small onto a canvas.
LOOK = """async (selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement("canvas");
  canvas.width = 64; canvas.height = 48;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const look = () => {
    context.drawImage(video, 0, 0, 64, 48);
    return {frames: video.getVideoPlaybackQuality().totalVideoFrames,
            pixels: context.getImageData(0, 0, 64, 48).data};
  };
  if (!video.videoWidth) return {frames: 0, changed: 0, lit: 0};
  const before = look();
  await new Promise((done) => setTimeout(done, 300));
  const after = look();
  let changed = 0, lit = 0;
  for (let i = 0; i < after.pixels.length; i += 4) {
    changed += Math.abs(after.pixels[i + 1] - before.pixels[i + 1]) > 16;
    lit += after.pixels[i] + after.pixels[i + 1] + after.pixels[i + 2] > 48;
  }
  return {frames: after.frames - before.frames, changed, lit};
}"""


# Notes what the page says and when, and the longest time between two pictures of the partner.
DIARY = """() => {
  const began = performance.now();
  const diary = globalThis.diary = {began, said: [], frameAt: began, longest: 0};
  let last = "";
  const note = () => {
    const text = ["banner", "headline", "video-note"].map((id) => document.getElementById(id))
      .filter((one) => one.checkVisibility()).map((one) => one.textContent).join(" ");
    if (text !== last) diary.said.push({at: performance.now() - began, text});
    last = text;
  };
  new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true,
    attributes: true, attributeFilter: ["hidden", "data-state"]});
  const video = document.getElementById("remote");
  const frame = () => {
    if (globalThis.diary !== diary) return;
    const now = performance.now();
    diary.longest = Math.max(diary.longest, now - diary.frameAt);
    diary.frameAt = now;
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback(frame);
}"""


@asynccontextmanager
async def chromium(*flags: str, without: tuple[str, ...] = (), executable: str = CHROMIUM) -> AsyncIterator[Browser]:
    """Run a browser whose cameras are fake; `flags` are added to the usual ones, and those in `without` left out."""
    usual = [flag for flag in (*FLAGS, *ALL_IN_FRONT) if flag not in without]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*usual, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class CallPage:
    """The call page as one person sees it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    """Errors that the page wrote to its console or did not catch."""

    @classmethod
    async def open(cls, browser: Browser, url: str) -> "CallPage":
        """Open the page as a person of its own (own storage) and wait until a call can be started."""
        person = await cls.visit(browser, url, permissions=["camera", "microphone"])
        await person.ready()
        return person

    @classmethod
    async def visit(cls, browser: Browser, url: str, **options: Any) -> "CallPage":
        """Open the page as a person of its own, and wait for nothing; `options` are those of the browser's context."""
        context = await browser.new_context(**{"viewport": {"width": 1120, "height": 760}, **options})
        person = cls.of(await context.new_page())
        await person.page.goto(url)
        return person

    @classmethod
    def of(cls, page: Page) -> "CallPage":
        """Watch a page for errors."""
        person = cls(page)
        page.on("console", lambda said: person.problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: person.problems.append(str(error)))
        return person

    async def ready(self) -> None:
        """Wait until a call can be started."""
        await self.page.locator("#start:enabled").wait_for(timeout=CALL_SECONDS * 1000)

    async def sees(self, selector: str, text: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until an element shows a text."""
        await self.page.locator(selector, has_text=text).wait_for(timeout=seconds * 1000)

    async def sees_no(self, selector: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until an element is not shown any more."""
        await self.page.locator(selector).wait_for(state="hidden", timeout=seconds * 1000)

    async def look_for_partner(self) -> None:
        """Press the button."""
        await self.page.click("#start")

    async def state(self) -> str:
        """Return what the page says of itself: idle, queued, connecting, connected or away."""
        return str(await self.page.evaluate("document.body.dataset.state"))

    async def wait_for_state(self, wanted: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until the page is in a state; fails with what it is in instead."""

        async def reached() -> bool:
            return await self.state() == wanted

        await self._until(reached, wanted, seconds)

    async def until(self, expression: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until a JavaScript expression is true; the page's own policy keeps Playwright from doing it there."""

        async def true() -> bool:
            return bool(await self.page.evaluate(expression))

        await self._until(true, expression, seconds)

    async def assert_moving(self, seconds: float = CALL_SECONDS) -> None:
        """Fail unless both videos, the person's own and the partner's, show moving pictures that are not black."""
        for selector in ("#local", "#remote"):

            async def moving(selector: str = selector) -> bool:
                seen = await self.page.evaluate(LOOK, selector)
                return bool(seen["frames"] > 0 and seen["changed"] > 0 and seen["lit"] > LIT_PIXELS)

            await self._until(moving, f"moving pictures in {selector}", seconds)

    async def path(self) -> str | None:
        """Return how media flows: `direct` or `relay`."""
        route = self.page.locator("#route[data-path]")
        await route.wait_for(state="attached", timeout=CALL_SECONDS * 1000)
        return await route.get_attribute("data-path")

    async def _until(self, condition: Callable[[], Awaitable[bool]], wanted: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not await condition():
            if time.monotonic() > deadline:
                text = await self.page.locator("body").inner_text()
                raise AssertionError(
                    f"waited for {wanted}; the page is {await self.state()}: {text!r}; problems: {self.problems}"
                )
            await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Diary:
    """What a page has said since the diary was begun, and how long its picture of the partner has stood still."""

    page: Page

    @classmethod
    async def of(cls, person: CallPage) -> "Diary":
        """Begin one; an older one of the page ends."""
        await person.page.evaluate(DIARY)
        return cls(person.page)

    async def said(self) -> list[str]:
        """Return all headlines and banners since, in order."""
        found: list[str] = await self.page.evaluate("diary.said.map(({text}) => text)")
        return found

    async def seconds_until(self, text: str) -> float:
        """Return after how many seconds the page said this first."""
        found = await self.page.evaluate("(text) => diary.said.find((one) => one.text.includes(text))?.at", text)
        assert found is not None, f"never said: {text}, but {await self.said()}"
        return float(found) / 1000

    async def longest_standstill(self) -> float:
        """Return the longest time between two pictures of the partner, in seconds; one that lasts counts too."""
        found: float = await self.page.evaluate("Math.max(diary.longest, performance.now() - diary.frameAt) / 1000")
        return found


async def meet(one: CallPage, other: CallPage) -> None:
    """Let two people find each other in the queue, and wait until both are connected."""
    for person in (one, other):
        await person.look_for_partner()
    for person in (one, other):
        await person.wait_for_state("connected")
