"""The life of the process: what happens in one of its loops ends none of the others."""

import asyncio
from collections.abc import Callable
from pathlib import Path

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


@pytest.mark.parametrize("name", ["hub", "tally", "blocks", "webhooks", "gate"])
async def test_a_fault_in_a_loop_is_logged_and_counted_and_the_process_goes_on(
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
