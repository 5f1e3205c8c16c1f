"""Call pages in a real Chromium with fake cameras, for any URL that serves the call page."""

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
# The pages of a test cover each other: Chromium must not throttle the timers and frames of those in the background.
NO_THROTTLING = (
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
CALL_SECONDS = 30.0
POLL_SECONDS = 0.05
LIT_PIXELS = 64 * 48 / 4

# Compare two scaled-down frames of a video, 300 ms apart: frames shown meanwhile, pixels that changed or are not black.
COMPARE_FRAMES = """async (selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement("canvas");
  canvas.width = 64; canvas.height = 48;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const capture = () => {
    context.drawImage(video, 0, 0, 64, 48);
    return {frames: video.getVideoPlaybackQuality().totalVideoFrames,
            pixels: context.getImageData(0, 0, 64, 48).data};
  };
  if (!video.videoWidth) return {frames: 0, changed: 0, lit: 0};
  const before = capture();
  await new Promise((done) => setTimeout(done, 300));
  const after = capture();
  let changed = 0, lit = 0;
  for (let i = 0; i < after.pixels.length; i += 4) {
    changed += Math.abs(after.pixels[i + 1] - before.pixels[i + 1]) > 16;
    lit += after.pixels[i] + after.pixels[i + 1] + after.pixels[i + 2] > 48;
  }
  return {frames: after.frames - before.frames, changed, lit};
}"""


# Records the texts that the page shows, with their times, and the longest time between two frames of the peer's video.
RECORD = """() => {
  const began = performance.now();
  const recording = globalThis.recording = {began, texts: [], frameAt: began, longest: 0};
  let last = "";
  const changed = () => {
    const text = ["banner", "headline", "video-note"].map((id) => document.getElementById(id))
      .filter((one) => one.checkVisibility()).map((one) => one.textContent).join(" ");
    if (text !== last) recording.texts.push({at: performance.now() - began, text});
    last = text;
  };
  new MutationObserver(changed).observe(document.body, {subtree: true, childList: true, characterData: true,
    attributes: true, attributeFilter: ["hidden", "data-state"]});
  const video = document.getElementById("remote");
  const frame = () => {
    if (globalThis.recording !== recording) return;
    const now = performance.now();
    recording.longest = Math.max(recording.longest, now - recording.frameAt);
    recording.frameAt = now;
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback(frame);
}"""


@asynccontextmanager
async def chromium(*flags: str, without: tuple[str, ...] = (), executable: str = CHROMIUM) -> AsyncIterator[Browser]:
    """Run a browser with fake cameras, with the usual flags except those in `without`, and with `flags`."""
    usual = [flag for flag in (*FLAGS, *NO_THROTTLING) if flag not in without]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*usual, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class CallPage:
    """One user's call page."""

    page: Page
    problems: list[str] = field(default_factory=list)
    """Errors in the page's console, and uncaught exceptions."""

    @classmethod
    async def open(cls, browser: Browser, url: str) -> "CallPage":
        """Open the page with its own storage, and wait until a call can be started."""
        person = await cls.visit(browser, url, permissions=["camera", "microphone"])
        await person.ready()
        return person

    @classmethod
    async def visit(cls, browser: Browser, url: str, **options: Any) -> "CallPage":
        """Open the page with its own storage, without waiting; `options` configure the browser's context."""
        context = await browser.new_context(**{"viewport": {"width": 1120, "height": 760}, **options})
        person = cls.of(await context.new_page())
        await person.page.goto(url)
        return person

    @classmethod
    def of(cls, page: Page) -> "CallPage":
        """Return an open page, and collect its errors from now on."""
        person = cls(page)
        page.on("console", lambda line: person.problems.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: person.problems.append(str(error)))
        return person

    async def ready(self) -> None:
        """Wait until a call can be started."""
        await self.page.locator("#start:enabled").wait_for(timeout=CALL_SECONDS * 1000)

    async def sees(self, selector: str, text: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until an element shows a text."""
        await self.page.locator(selector, has_text=text).wait_for(timeout=seconds * 1000)

    async def sees_no(self, selector: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until an element is hidden."""
        await self.page.locator(selector).wait_for(state="hidden", timeout=seconds * 1000)

    async def join_queue(self) -> None:
        """Press the start button."""
        await self.page.click("#start")

    async def state(self) -> str:
        """Return the state in the page's `data-state`: idle, queued, connecting, connected, away or failed."""
        return str(await self.page.evaluate("document.body.dataset.state"))

    async def wait_for_state(self, state: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until the page is in a state; on failure, report its state and text."""

        async def reached() -> bool:
            return await self.state() == state

        await self._until(reached, state, seconds)

    async def until(self, expression: str, seconds: float = CALL_SECONDS) -> None:
        """Wait until a JavaScript expression is true. The page's CSP prevents Playwright's own wait_for_function."""

        async def true() -> bool:
            return bool(await self.page.evaluate(expression))

        await self._until(true, expression, seconds)

    async def assert_moving(self, seconds: float = CALL_SECONDS) -> None:
        """Fail unless both videos, the local and the remote one, move and are not black."""
        for selector in ("#local", "#remote"):

            async def moving(selector: str = selector) -> bool:
                found = await self.page.evaluate(COMPARE_FRAMES, selector)
                return bool(found["frames"] > 0 and found["changed"] > 0 and found["lit"] > LIT_PIXELS)

            await self._until(moving, f"moving video in {selector}", seconds)

    async def path(self) -> str | None:
        """Return the path of the media that the page shows: `direct` or `relay`."""
        route = self.page.locator("#route[data-path]")
        await route.wait_for(state="attached", timeout=CALL_SECONDS * 1000)
        return await route.get_attribute("data-path")

    async def _until(self, condition: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not await condition():
            if time.monotonic() > deadline:
                text = await self.page.locator("body").inner_text()
                raise AssertionError(
                    f"waited for {what}; the page is {await self.state()}: {text!r}; problems: {self.problems}"
                )
            await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Recording:
    """The texts that a page has shown and the freezes of its remote video since the start of the recording."""

    page: Page

    @classmethod
    async def start(cls, person: CallPage) -> "Recording":
        """Start a recording; it ends an older one of the same page."""
        await person.page.evaluate(RECORD)
        return cls(person.page)

    async def texts(self) -> list[str]:
        """Return all headlines, banners and video notes, in order."""
        found: list[str] = await self.page.evaluate("recording.texts.map(({text}) => text)")
        return found

    async def seconds_until(self, text: str) -> float:
        """Return the seconds until the page first showed this text; fail if it did not."""
        found = await self.page.evaluate("(text) => recording.texts.find((one) => one.text.includes(text))?.at", text)
        assert found is not None, f"the page did not show {text!r}, but {await self.texts()}"
        return float(found) / 1000

    async def longest_freeze(self) -> float:
        """Return the longest time between two frames of the remote video, or since its last frame, in seconds."""
        found: float = await self.page.evaluate(
            "Math.max(recording.longest, performance.now() - recording.frameAt) / 1000"
        )
        return found


async def start_call(one: CallPage, other: CallPage) -> None:
    """Join the queue on both pages, and wait until both are connected."""
    for person in (one, other):
        await person.join_queue()
    for person in (one, other):
        await person.wait_for_state("connected")
