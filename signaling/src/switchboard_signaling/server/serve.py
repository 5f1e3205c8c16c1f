"""The life cycle of the process: listen, serve, and on SIGTERM move the clients before it exits."""

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
from aiohttp import web

from switchboard_signaling.server.http.app import public_app
from switchboard_signaling.server.http.internal import internal_app
from switchboard_signaling.server.http.tls import internal_tls
from switchboard_signaling.server.pod import SignalingPod, make_pod
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.worker import keep_running

AGAIN_SECONDS: Final = 1.0
"""Pause between an unexpected exception of a loop and its restart."""

log = structlog.get_logger(__name__)


async def serve(settings: ServerSettings, started: Callable[[str, int], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `started` with the host and the port for clients once the pod is ready.

    It listens at once and becomes ready when the store answers, however long that takes. Raises OSError if a port is
    not available or the certificate of the internal port cannot be read.
    """
    pod = make_pod(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runners: list[web.AppRunner] = []
    try:
        public = await _listen(public_app(pod), settings.host, settings.http_port, runners)
        tls = internal_tls(settings.internal_tls_dir) if settings.internal_tls_dir else None
        internal = await _listen(internal_app(pod), settings.host, settings.internal_port, runners, tls)
        log.info("listening", http_port=public, internal_port=internal)
        await _run_until(stop, pod, lambda: started(settings.host or "localhost", public))
    finally:
        for runner in runners:
            await runner.cleanup()
        await pod.broker.close()


async def _work(pod: SignalingPod, started: Callable[[], None]) -> None:
    """Wait for the store, then run the hub and the loops that use the store."""
    await pod.broker.start(pod.hub.hinted)
    started()
    log.info("serving", pool=pod.settings.pool, pod=pod.host.pod, durable=pod.broker.durable)
    loops = {"hub": pod.hub.run, "stats": pod.stats.run, "blocks": pod.blocks.run, "watches": pod.watches.run}
    if pod.webhooks:
        loops["webhooks"] = pod.webhooks.run
    async with asyncio.TaskGroup() as tasks:
        for name, run in loops.items():
            tasks.create_task(_keep_running(pod, name, run))


async def _keep_running(pod: SignalingPod, name: str, run: Callable[[], Awaitable[None]]) -> None:
    await keep_running(run, partial(pod.metrics.fault, name), AGAIN_SECONDS)


async def _run_until(stop: asyncio.Event, pod: SignalingPod, started: Callable[[], None]) -> None:
    """Run all loops until a signal; an exception during the start ends the process."""
    hub = asyncio.create_task(_work(pod, started))
    limiter = asyncio.create_task(_keep_running(pod, "limiter", pod.limiter.run))
    signalled = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([hub, limiter, signalled], return_when=asyncio.FIRST_COMPLETED)
        if not hub.done():
            log.info("stopping", sessions=pod.hub.active_sessions)
            # Sessions in memory cannot move to another pod, so there is nothing to wait for.
            await pod.drain.stop(pod.settings.stop_seconds if pod.broker.durable else 0.0)
            pod.session_log.stop()
            await pod.stats.flush()
    finally:
        for task in (hub, limiter, signalled):
            task.cancel()
        await asyncio.wait([hub, limiter, signalled])
    for task in (hub, limiter):
        if not task.cancelled():
            task.result()


async def _listen(
    app: web.Application, host: str | None, port: int, runners: list[web.AppRunner], tls: ssl.SSLContext | None = None
) -> int:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    runners.append(runner)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    return int(runner.addresses[0][1])
