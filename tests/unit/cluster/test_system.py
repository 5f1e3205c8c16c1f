"""How commands are run, and how they fail."""

import sys

import pytest

from switchboard_cluster import system
from switchboard_cluster.errors import ClusterError


def test_what_a_command_prints_is_returned() -> None:
    assert system.run(["echo", "hello"]).stdout == "hello\n"


def test_a_command_reads_what_it_is_given() -> None:
    assert system.run(["cat"], stdin="given").stdout == "given"


def test_a_command_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(ClusterError, match=r"`sh -c .*` failed \(3\): no such thing") as caught:
        system.run(["sh", "-c", "echo no such thing >&2; exit 3"])
    assert caught.value.code == "command-failed"


def test_a_failure_may_be_an_answer() -> None:
    assert system.run(["false"], check=False).returncode == 1


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(ClusterError, match="no-such-program is not installed") as caught:
        system.run(["no-such-program"])
    assert caught.value.code == "missing-program"


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(ClusterError, match=r"did not finish within 0\.1 s") as caught:
        system.run(["sleep", "60"], timeout=0.1)
    assert caught.value.code == "command-timed-out"


def test_output_that_is_no_text_does_not_break_anything() -> None:
    assert "\ufffd" in system.run([sys.executable, "-c", r"import os; os.write(1, b'\xff')"]).stdout


def test_a_command_may_run_in_a_network_namespace() -> None:
    assert system.in_netns("sb0-cp", ["ip", "link"]) == ["nsenter", "--net=/run/netns/sb0-cp", "ip", "link"]
    assert system.in_netns(None, ["ip", "link"]) == ["ip", "link"]
