"""A website of another origin than the pool's that embeds calls with the SDK."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>An application</title>
<link rel="icon" href="data:,">
<video id="local" autoplay muted playsinline></video>
<video id="remote" autoplay playsinline></video>
<p id="words"></p>
<script type="module">
const { pool, sdk, relay } = Object.fromEntries(new URLSearchParams(location.search));
try {
  const { runChecks, Switchboard } = await import(`${sdk}/index.js`);
  const calls = globalThis.calls = new Switchboard({
    url: `${pool.replace(/^http/u, "ws")}/ws`, relayOnly: relay === "1",
  });
  calls.addEventListener("change", () => {
    const { state, local, remote, problem } = calls.snapshot;
    document.body.dataset.state = state;
    document.querySelector("#words").textContent = problem ? `${problem.message} ${problem.remedy}` : state;
    for (const [id, stream] of Object.entries({ local, remote })) {
      const video = document.getElementById(id);
      if (video.srcObject !== stream) video.srcObject = stream;
    }
  });
  globalThis.check = async () => Object.fromEntries((await runChecks(calls)).map(({ name, ok }) => [name, ok]));
  await calls.start();
} catch (error) {
  document.querySelector("#words").textContent = `The SDK cannot be loaded: ${error.message}`;
}
</script>
"""


@asynccontextmanager
async def application(sdk: Path | None = None) -> AsyncIterator[str]:
    """Serve the page on a free port, with a copy of the SDK under /sdk if one is given; yield its origin."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    if sdk is not None:
        app.router.add_static("/sdk", sdk)
    async with TestServer(app, host="localhost") as server:
        yield f"http://localhost:{server.port}"
