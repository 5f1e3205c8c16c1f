"""The agent: syncs coturn's secrets with the mounted Secret, probes coturn, and reports its health."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from switchboard_crds import names
from switchboard_turn import userdb
from switchboard_turn.allocation import ProbeError, time_limited
from switchboard_turn.probe import probe
from switchboard_turn.settings import AgentSettings, AgentSettingsError, read_secrets

log = structlog.get_logger()

SECRETS_INTERVAL = 1.0
"""Seconds between two reads of the mounted Secret, which is a handful of small files."""
PROBE_INTERVAL = 2.0
"""Seconds between two probes, as between two readiness probes of the kubelet."""
PROBE_TTL = 60
"""Lifetime of a probe's credentials in seconds; longer than clocks on one node can differ."""
STALL = 30.0
"""Seconds without a run of a loop after which the agent counts as stalled, and the kubelet restarts it."""


@dataclass
class State:
    """Results of the loops, which the HTTP endpoints report."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    problems: dict[str, str] = field(default_factory=lambda: {"probe": "no probe has succeeded yet"})
    """Reasons for not being ready, by the loop that found them."""
    last_runs: dict[str, float] = field(default_factory=dict)
    """When each loop last ran, on the monotonic clock."""

    def __post_init__(self) -> None:
        self.up = Gauge("switchboard_turn_up", "Whether the last probe succeeded.", registry=self.registry)
        self.seconds = Histogram(
            "switchboard_turn_probe_seconds",
            "Duration of an authenticated allocation.",
            registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2),
        )
        self.failures = Counter(
            "switchboard_turn_probe_failures", "Failed probes, by reason.", ["reason"], registry=self.registry
        )
        self.secrets = Gauge("switchboard_turn_secrets", "Valid shared secrets.", registry=self.registry)

    def record(self, loop: str, problem: str | None) -> None:
        """Record a run of a loop and the problem it found, if any; log a change."""
        self.last_runs[loop] = time.monotonic()
        if problem and problem != self.problems.get(loop):
            log.warning("check_failed", loop=loop, problem=problem)
        elif not problem and loop in self.problems:
            log.info("check_recovered", loop=loop)
        if problem:
            self.problems[loop] = problem
        else:
            self.problems.pop(loop, None)


def write_secrets(settings: AgentSettings) -> int:
    """Write the mounted secrets into coturn's database, and return how many there are.

    Raises `AgentSettingsError` or `sqlite3.Error`.
    """
    secrets = read_secrets(settings.secrets_dir)
    if userdb.write(settings.userdb, settings.realm, set(secrets.values())):
        log.info("secrets_written", count=len(secrets))
    return len(secrets)


def sync_secrets(settings: AgentSettings, state: State) -> None:
    """Write the secrets once, and record the result."""
    try:
        state.secrets.set(write_secrets(settings))
        state.record("secrets", None)
    except (AgentSettingsError, sqlite3.Error) as error:
        state.record("secrets", str(error))


async def probe_once(settings: AgentSettings, state: State) -> None:
    """Probe coturn once, and record the result."""
    try:
        secret = read_secrets(settings.secrets_dir)[names.TURN_PROBE_SECRET]
        credentials = time_limited(secret, "probe", int(time.time()) + PROBE_TTL)
        answer = await probe((settings.address, settings.port), credentials)
    except (ProbeError, AgentSettingsError) as error:
        state.up.set(0)
        state.failures.labels(error.code if isinstance(error, ProbeError) else "settings").inc()
        state.record("probe", str(error))
    else:
        state.up.set(1)
        state.seconds.observe(answer.seconds)
        state.record("probe", None)


def application(state: State) -> web.Application:
    """Return the application with the endpoints for the kubelet and Prometheus."""

    async def livez(_: web.Request) -> web.Response:
        now = time.monotonic()
        stalled = [loop for loop, last_run in state.last_runs.items() if now - last_run > STALL]
        return web.Response(status=503 if stalled else 200, text=f"stalled: {stalled}\n" if stalled else "ok\n")

    async def readyz(_: web.Request) -> web.Response:
        text = "; ".join(state.problems.values())
        return web.Response(status=503 if text else 200, text=f"{text or 'ok'}\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(state.registry), content_type="text/plain")

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


async def run(settings: AgentSettings) -> None:
    """Run until cancelled. Raises `OSError` if the port is not available."""
    state = State()
    runner = web.AppRunner(application(state), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=settings.internal_port).start()
        log.info("agent_started", port=settings.internal_port, server=f"{settings.address}:{settings.port}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_keep_syncing(settings, state))
            tasks.create_task(_keep_probing(settings, state))
    finally:
        await runner.cleanup()


async def _keep_syncing(settings: AgentSettings, state: State) -> None:
    while True:
        await asyncio.to_thread(sync_secrets, settings, state)
        await asyncio.sleep(SECRETS_INTERVAL)


async def _keep_probing(settings: AgentSettings, state: State) -> None:
    while True:
        await probe_once(settings, state)
        await asyncio.sleep(PROBE_INTERVAL)
