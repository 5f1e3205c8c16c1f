"""Screenshots of the call page's states for the documentation: `make screenshots` writes docs/images/.

They show a real call between two browsers over the real server, with drawn videos in place of cameras.
"""

import asyncio
import math
import secrets
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from playwright.async_api import Browser
from tests.browser.call import CallPage, chromium, start_call
from tests.browser.network import Link
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import turn_server

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
MAX_BYTES: Final = 150_000
DESK: Final = {"viewport": {"width": 1000, "height": 640}}
PHONE: Final = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
ALLOWED: Final = {"permissions": ["camera", "microphone"]}
WIDTH, HEIGHT, FRAMES = 640, 360, 20
Colour = tuple[int, int, int]
"""Y, Cb and Cr of BT.601."""
PEOPLE: Final[dict[str, tuple[Colour, Colour, Colour, Colour]]] = {
    "ada": ((150, 138, 108), (70, 150, 120), (175, 105, 150), (50, 118, 150)),
    "ben": ((185, 120, 135), (90, 110, 155), (120, 112, 148), (30, 128, 132)),
}
"""Wall, shirt, face and hair."""


def film(wall: Colour, shirt: Colour, face: Colour, hair: Colour) -> bytes:
    """Return a video (YUV4MPEG2) of a person who nods."""
    frames = [f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F20:1 Ip A1:1 C420jpeg\n".encode()]
    for number in range(FRAMES):
        nod = round(6 * math.sin(2 * math.pi * number / FRAMES))
        rows = [list(_row(y, nod, wall, shirt, face, hair)) for y in range(HEIGHT)]
        luma = b"".join(bytes(colour[0] for colour in row) for row in rows)
        chroma = [b"".join(bytes(colour[part] for colour in row[::2]) for row in rows[::2]) for part in (1, 2)]
        frames.append(b"FRAME\n" + luma + b"".join(chroma))
    return b"".join(frames)


def _row(y: int, nod: int, wall: Colour, shirt: Colour, face: Colour, hair: Colour) -> Iterator[Colour]:
    for x in range(WIDTH):
        across = x - WIDTH / 2
        if (across / 46) ** 2 + ((y - 170 - nod) / 58) ** 2 < 1 or (abs(across) < 20 and 170 < y - nod < 262):
            yield face
        elif (across / 56) ** 2 + ((y - 150 - nod) / 62) ** 2 < 1:
            yield hair
        elif (across / 150) ** 2 + ((y - HEIGHT - 10) / 125) ** 2 < 1:
            yield shirt
        else:
            yield (wall[0] - y // 12, wall[1], wall[2])


NAMES: Final = """Object.defineProperty(MediaStreamTrack.prototype, "label", {
  get() { return this.kind === "video" ? "Integrated camera" : "Built-in microphone"; },
});"""
"""Replaces the devices' labels, which would contain the path of a file."""


class Album:
    """Takes the screenshots of pages."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self, browser: Browser, scheme: str = "dark", **device: Any) -> CallPage:
        """Open the page with its own storage."""
        context = await browser.new_context(color_scheme=scheme, **{**DESK, **ALLOWED, **device})
        await context.add_init_script(NAMES)
        person = CallPage.of(await context.new_page())
        await person.page.goto(self.url)
        return person

    async def take(self, person: CallPage, name: str) -> None:
        """Take a screenshot; exit if it is too large for the repository."""
        await person.page.mouse.move(0, 0)
        await person.page.wait_for_timeout(400)  # colours and videos fade in
        file = IMAGES / f"{name}.png"
        await person.page.screenshot(path=file)
        size = file.stat().st_size
        print(f"{file.name}: {size // 1000} kB")
        if size > MAX_BYTES:
            raise SystemExit(f"{file} has {size} bytes, at most {MAX_BYTES} are allowed")


async def states(album: Album, ada: Browser, ben: Browser, server: asyncio.subprocess.Process) -> None:
    """Take screenshots of the states of a call."""
    for name, scheme, device in (("lobby", "light", {}), ("lobby-phone", "dark", PHONE)):
        person = await album.open(ada, scheme, **device)
        await person.ready()
        await album.take(person, name)
        if name == "lobby":
            await person.page.click("#check")
            await person.page.locator("[data-check=relay][data-ok=true]").wait_for()
            await album.take(person, "checks")
        await person.page.context.close()

    one, other = await call(await album.open(ada), await album.open(ben))
    await album.take(one, "call")
    await one.page.click("#show-panel")
    await one.until("document.querySelector('#stats-received').textContent.includes('bit/s')")
    await one.page.wait_for_timeout(25_000)  # fill the charts
    await album.take(one, "panel")
    await one.page.click("#show-panel")
    server.send_signal(signal.SIGSTOP)
    await one.sees("#banner", "Reconnecting to the server.")
    await album.take(one, "reconnecting")
    server.send_signal(signal.SIGCONT)
    await one.sees_no("#banner")
    for person in (one, other):
        await person.page.context.close()

    for name in ("audio-only", "interrupted"):
        one, other = await album.open(ada), await album.open(ben)
        link = await Link.of(other)
        await call(one, other)
        if name == "audio-only":
            await link.set(packetLoss=40)
            await one.sees("#video-note", "The network is too slow", 90)
        else:
            await link.set(offline=True)
            await one.sees("#headline", "connection is interrupted")
        await album.take(one, name)
        for person in (one, other):
            await person.page.context.close()

    one, other = await call(await album.open(ada, "light", **PHONE), await album.open(ben))
    await album.take(one, "call-phone")
    await other.page.click("#show-chat")
    await write(other, "Hello! Where are you calling from?")
    await one.sees("#lines", "calling from?")
    await write(one, "From a train, so it may get bumpy.")
    await other.sees("#lines", "bumpy.")
    await album.take(one, "chat-phone")


async def call(one: CallPage, other: CallPage) -> tuple[CallPage, CallPage]:
    """Connect two pages, and wait until they show the path of the media."""
    for person in (one, other):
        await person.ready()
    await start_call(one, other)
    await one.assert_moving()
    await one.path()
    return one, other


async def write(writer: CallPage, text: str) -> None:
    """Send a chat message."""
    await writer.page.fill("#text", text)
    await writer.page.press("#text", "Enter")


async def main() -> None:
    """Take all screenshots."""
    secret = secrets.token_hex(16)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        for name, colours in PEOPLE.items():
            (folder / f"{name}.y4m").write_bytes(film(*colours))
        turn = await stack.enter_async_context(turn_server(folder, secret))
        settings = ice_directory(folder / "directory.json", secret, turn.url())
        server = await stack.enter_async_context(
            signaling_server(folder / "server.log", 0, HEARTBEAT_SECONDS="1", **settings)
        )
        ada, ben = [
            await stack.enter_async_context(chromium(f"--use-file-for-fake-video-capture={folder / name}.y4m"))
            for name in PEOPLE
        ]
        album = Album(server.url)
        await states(album, ada, ben, server.process)
        asking = await stack.enter_async_context(chromium(without=("--use-fake-ui-for-media-stream",)))
        person = await album.open(asking, "light", permissions=[])
        await person.sees("#headline", "does not allow this page to use your camera")
        await album.take(person, "error")


if __name__ == "__main__":
    asyncio.run(main())
