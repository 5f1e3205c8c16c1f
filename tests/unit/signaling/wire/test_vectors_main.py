"""The runner of the vectors, on clients that are programs."""

import subprocess
import sys

import pytest

from switchboard_signaling.wire.vectors import __main__ as runner
from switchboard_signaling.wire.vectors import load_vectors

SILENT = "import time; time.sleep(60)"
ANSWERS = "import sys\nfor _ in sys.stdin: print({answer!r}, flush=True)"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["vectors", *arguments])
    return runner.main()


def client(program: str) -> list[str]:
    return ["--", sys.executable, "-c", program]


def test_a_client_that_does_nothing_fails_each_vector_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--level", "1", *client(ANSWERS.format(answer="{}"))) == 1
    version, plan, first, reason, *_ = capsys.readouterr().out.splitlines()
    vectors = load_vectors(1)
    assert (version, plan) == ("TAP version 14", f"1..{len(vectors)}")
    assert first == f"not ok 1 - {vectors[0].name}"
    assert reason.startswith("# step 1: sends: expected ")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("", "the client gave no JSON answer within 30 s"),
        (ANSWERS.format(answer="?"), "the client gave no JSON answer within 30 s"),
        (ANSWERS.format(answer="[]"), 'the answer to {"start": '),
    ],
)
def test_a_client_that_ends_or_answers_otherwise_cannot_be_tested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, reason: str
) -> None:
    monkeypatch.setattr(runner, "ANSWER_SECONDS", 30.0)
    assert run(monkeypatch, *client(program)) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"Bail out! {reason}")


def test_a_silent_client_is_ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runner, "ANSWER_SECONDS", 0.1)
    assert run(monkeypatch, *client(SILENT)) == 2
    assert "no JSON answer" in capsys.readouterr().out


def test_a_command_that_cannot_be_started_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--", "./no-such-client") == 2
    assert capsys.readouterr().out == "Bail out! cannot start ./no-such-client: No such file or directory\n"


def test_the_runner_is_a_module() -> None:
    command = [sys.executable, "-m", "switchboard_signaling.wire.vectors", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "one JSON answer per line" in done.stdout
