"""A tab that can be hidden, driven by the DevTools protocol: Playwright's pages always believe they are in front."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse
from tests.browser.call import CHROMIUM, FLAGS
from tests.browser.processes import end
from tests.browser.waiting import until

START_SECONDS = 30.0


class Tab:
    """A page, controlled by the DevTools protocol."""

    def __init__(self, http: ClientSession, devtools: str, target: str, socket: ClientWebSocketResponse) -> None:
        self._http = http
        self._devtools = devtools
        self._target = target
        self._socket = socket
        self._ids = count(1)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        number = next(self._ids)
        params = {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True}
        await self._socket.send_json({"id": number, "method": "Runtime.evaluate", "params": params})
        async with asyncio.timeout(START_SECONDS):
            while (answer := await self._socket.receive_json()).get("id") != number:
                pass
        assert "exceptionDetails" not in answer["result"], answer
        return answer["result"]["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        await until(lambda: self.evaluate(expression), expression)

    async def sees(self, selector: str, text: str) -> None:
        """Wait until an element shows a text."""
        await self.until(f"document.querySelector({json.dumps(selector)})?.textContent.includes({json.dumps(text)})")

    async def hide(self) -> None:
        """Open another tab in front of this one."""
        async with self._http.put(f"{self._devtools}/json/new?about:blank") as answer:
            answer.raise_for_status()
        await self.until("document.hidden")

    async def show(self) -> None:
        """Bring this tab to the front."""
        async with self._http.get(f"{self._devtools}/json/activate/{self._target}") as answer:
            answer.raise_for_status()
        await self.until("!document.hidden")


@asynccontextmanager
async def tab(url: str, folder: Path) -> AsyncIterator[Tab]:
    """Run a browser with a fake camera and one tab; its profile is in `folder`."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={folder}", url,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    drain = None
    try:
        async with asyncio.timeout(START_SECONDS):
            devtools = await _devtools(process.stderr)
        drain = asyncio.create_task(process.stderr.read())
        async with ClientSession() as http:
            async with http.get(f"{devtools}/json/list") as answer:
                [target] = [one for one in await answer.json() if one["type"] == "page"]
            async with http.ws_connect(target["webSocketDebuggerUrl"]) as socket:
                yield Tab(http, devtools, target["id"], socket)
    finally:
        await end(process)
        if drain is not None:
            await drain


async def _devtools(stream: asyncio.StreamReader) -> str:
    """Return the DevTools address that Chromium prints."""
    while line := await stream.readline():
        if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
            return f"http://{found[1].decode()}"
    raise AssertionError("the browser ended without an address")
