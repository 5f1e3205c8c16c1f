"""A minimal WebSocket server on aiohttp, which reads and answers nothing."""

import asyncio

import uvloop
from aiohttp import web


async def socket(request: web.Request) -> web.WebSocketResponse:
    """Read until the client disconnects."""
    response = web.WebSocketResponse(protocols=["switchboard.v1"], compress=False, max_msg_size=65536)
    await response.prepare(request)
    async for _ in response:
        pass
    return response


async def serve() -> None:
    """Listen on a free port, print it, and serve until the process is stopped."""
    app = web.Application()
    app.add_routes([web.get("/ws", socket)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening on :{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


uvloop.run(serve())
