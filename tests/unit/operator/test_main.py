import io
import json
import subprocess
import sys

import pytest

from switchboard_operator.main import decide, main
from switchboard_operator.runtime.run import OperatorError

LINE = {
    "t": 0,
    "pods": [{"name": "a", "ready": True, "age_s": 60, "sessions": 120}],
    "current_replicas": 1,
    "target_sessions_per_pod": 100,
    "min": 1,
    "max": 9,
}


def test_each_observation_is_answered_by_one_line() -> None:
    said = io.BytesIO()
    decide(io.BytesIO(json.dumps(LINE).encode() + b"\n\nnonsense\n" + json.dumps({**LINE, "t": 2}).encode()), said)
    first, second, third = (json.loads(line) for line in said.getvalue().splitlines())
    assert first["desired"] == third["desired"] == 2
    assert second["error"].startswith("not JSON")


def test_decide_exits_when_its_output_is_closed() -> None:
    class Closed(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    lines = io.BytesIO(b"x\ny\n")
    decide(lines, Closed())
    assert lines.read() == b"y\n"


def test_decide_starts_without_the_framework_and_the_cluster() -> None:
    script = (
        "import sys; sys.argv = ['switchboard-operator', 'decide', '--stdin'];"
        "from switchboard_operator.main import main; main();"
        "print(sorted(set(sys.modules) & set(sys.argv[1:] + "
        "['kopf', 'kubernetes', 'aiohttp', 'asyncio', 'pydantic', 'redis', 'structlog', 'switchboard_crds'])))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(LINE), capture_output=True, text=True, check=True, timeout=60
    )
    answer, heavy = run.stdout.splitlines()
    assert json.loads(answer)["desired"] == 2
    assert heavy == "[]"


def test_a_failure_of_the_operator_ends_the_process_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> None:
        raise OperatorError("task acting failed. Remedy: read the log")

    for name in ("OPERATOR_NAMESPACE", "OPERATOR_POD", "SIGNALING_IMAGE", "TURN_IMAGE", "REDIS_IMAGE"):
        monkeypatch.setenv(f"SWITCHBOARD_{name}", "x")
    monkeypatch.setattr("switchboard_operator.runtime.run.run", fails)
    monkeypatch.setattr("switchboard_operator.main._log_as_json", lambda: None)
    monkeypatch.setattr(sys, "argv", ["switchboard-operator", "run"])
    with pytest.raises(SystemExit, match=r"switchboard-operator: task acting failed\. Remedy"):
        main()


def test_a_traceback_in_the_log_names_no_local_variables() -> None:
    script = """
import structlog
from switchboard_operator.main import _log_as_json

def fails() -> None:
    token = "hush" + "-hush"
    raise ValueError("a bug")

_log_as_json()
try:
    fails()
except ValueError:
    structlog.get_logger().exception("failed")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stderr)["exception"][0]["exc_value"] == "a bug"
    assert "hush-hush" not in done.stderr


def test_invalid_settings_end_the_process_with_all_their_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OPERATOR_NAMESPACE", "OPERATOR_POD", "SIGNALING_IMAGE", "TURN_IMAGE", "REDIS_IMAGE"):
        monkeypatch.delenv(f"SWITCHBOARD_{name}", raising=False)
    monkeypatch.setattr("switchboard_operator.main._log_as_json", lambda: None)
    monkeypatch.setattr(sys, "argv", ["switchboard-operator", "run"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "SWITCHBOARD_OPERATOR_NAMESPACE is required. Remedy" in said
    assert "SWITCHBOARD_REDIS_IMAGE is required. Remedy" in said
