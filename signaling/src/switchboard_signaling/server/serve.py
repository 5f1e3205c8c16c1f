"""The life of the process: listen, serve, and on SIGTERM let the clients move before it ends."""

import asyncio
import signal
from collections.abc import Callable

import structlog
from aiohttp import web

from switchboard_signaling.server.app import public_app
from switchboard_signaling.server.internal import internal_app
from switchboard_signaling.server.pod import Pod, make_pod
from switchboard_signaling.settings import Settings

log = structlog.get_logger(__name__)


async def serve(settings: Settings, started: Callable[[str, int], None]) -> None:
    """Serve until SIGTERM or SIGINT; calls `started` with the host and the port for clients once they are served.

    It listens at once, and is ready once the store answers, however long that takes. Raises OSError if a port cannot be
    had.
    """
    pod = make_pod(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runners: list[web.AppRunner] = []
    try:
        public = await _listen(public_app(pod), settings.host, settings.http_port, runners)
        await _listen(internal_app(pod), settings.host, settings.internal_port, runners)
        await _run_until(stop, pod, lambda: started(settings.host or "localhost", public))
    finally:
        for runner in runners:
            await runner.cleanup()
        await pod.broker.close()


async def _work(pod: Pod, started: Callable[[], None]) -> None:
    """Wait for the store, then run the hub."""
    await pod.broker.start(pod.hub.hinted)
    started()
    log.info("serving", pool=pod.settings.pool, pod=pod.host.pod, durable=pod.broker.durable)
    await pod.hub.run()


async def _run_until(stop: asyncio.Event, pod: Pod, started: Callable[[], None]) -> None:
    """Run the hub until a signal; a failure of the hub ends the process with its traceback."""
    hub = asyncio.create_task(_work(pod, started))
    signalled = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([hub, signalled], return_when=asyncio.FIRST_COMPLETED)
        if not hub.done():
            log.info("stopping", sessions=pod.hub.active_sessions)
            # Sessions in memory cannot move to another pod: there is nothing to wait for.
            await pod.hub.stop(pod.settings.stop_seconds if pod.broker.durable else 0.0)
    finally:
        for task in (hub, signalled):
            task.cancel()
        await asyncio.wait([hub, signalled])
    if not hub.cancelled():
        hub.result()


async def _listen(app: web.Application, host: str | None, port: int, runners: list[web.AppRunner]) -> int:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    runners.append(runner)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return int(runner.addresses[0][1])
