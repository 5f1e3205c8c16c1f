"""The life cycle of the process: a fault in one loop stops no other."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs
from tests.unit.signaling.jwts import SECRET, secret_dir

from switchboard_signaling.server import serve as module
from switchboard_signaling.server.pod import make_pod
from switchboard_signaling.settings import ServerSettings

SECONDS = 5.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the loops run in this one
            await asyncio.sleep(0)


@pytest.mark.parametrize("name", ["hub", "stats", "blocks", "watches", "webhooks", "limiter"])
async def test_a_fault_in_a_loop_is_logged_and_counted_and_the_process_continues(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    secrets = secret_dir(tmp_path, one=SECRET)
    settings = ServerSettings(stop_seconds=0, webhook_url="http://127.0.0.1:1/hook", webhook_secret_dir=secrets)
    pod = make_pod(settings)
    runs = []

    async def run() -> None:
        runs.append(name)
        if len(runs) < 3:
            raise RuntimeError("a fault of ours")
        await asyncio.Event().wait()

    monkeypatch.setattr(getattr(pod, name), "run", run)
    stop = asyncio.Event()
    with capture_logs() as lines:
        running = asyncio.create_task(module._run_until(stop, pod, lambda: None))
        await until(lambda: len(runs) == 3)
        assert not running.done()
        stop.set()
        await running
    failed = [line for line in lines if line["event"] == "work_failed"]
    assert [(line["work"], line["log_level"], str(line["exc_info"])) for line in failed] == [
        (name, "error", "a fault of ours")
    ] * 2
    assert f'switchboard_signaling_faults_total{{work="{name}"}} 2.0' in pod.metrics.text().decode()


async def test_it_listens_prints_its_address_and_stops_on_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Callable[..., object]] = {}
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", lambda number, act: handlers.update({number: act}))
    started: asyncio.Future[tuple[str, int]] = loop.create_future()
    settings = ServerSettings(host="127.0.0.1", http_port=0, internal_port=0, stop_seconds=0)
    serving = asyncio.create_task(module.serve(settings, lambda *where: started.set_result(where)))
    host, port = await asyncio.wait_for(started, SECONDS)
    async with aiohttp.ClientSession() as http:
        async with http.get(f"http://{host}:{port}/livez") as answer:
            assert answer.status == 200
        handlers[signal.SIGTERM]()
        await asyncio.wait_for(serving, SECONDS)
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"http://{host}:{port}/livez")


async def test_a_port_in_use_ends_it_and_frees_the_other_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", lambda _number, _act: None)
    taken = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with taken:
        settings = ServerSettings(host="127.0.0.1", http_port=0, internal_port=port)
        with pytest.raises(OSError, match="address already in use"):
            await module.serve(settings, lambda _host, _port: None)


async def test_it_is_not_ready_before_its_store_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = make_pod(ServerSettings(stop_seconds=0))
    answers, starts = asyncio.Event(), []

    async def start(_on_hint: object) -> None:
        await answers.wait()

    monkeypatch.setattr(pod.broker, "start", start)
    stop = asyncio.Event()
    running = asyncio.create_task(module._run_until(stop, pod, lambda: starts.append(pod.hub.started)))
    await asyncio.sleep(0)
    assert (starts, pod.hub.started) == ([], False)
    answers.set()
    await until(lambda: pod.hub.started)
    assert len(starts) == 1
    stop.set()
    await running


async def test_a_failed_start_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = make_pod(ServerSettings())

    async def start(_on_hint: object) -> None:
        raise ConnectionError("no store")

    monkeypatch.setattr(pod.broker, "start", start)
    with pytest.raises(ConnectionError, match="no store"):
        await module._run_until(asyncio.Event(), pod, lambda: None)
