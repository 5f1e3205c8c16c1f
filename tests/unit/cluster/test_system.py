"""Commands of the operating system and their failures."""

import sys

import pytest

from switchboard_cluster import system
from switchboard_cluster.errors import ClusterError


def test_the_output_of_a_command_is_returned() -> None:
    assert system.run(["echo", "hello"]).stdout == "hello\n"


def test_a_command_reads_its_input() -> None:
    assert system.run(["cat"], stdin="given").stdout == "given"


def test_a_failed_command_raises_an_error_with_its_output() -> None:
    with pytest.raises(ClusterError, match=r"`sh -c .*` failed \(3\): no such thing") as caught:
        system.run(["sh", "-c", "echo no such thing >&2; exit 3"])
    assert caught.value.code == "command-failed"


def test_a_failure_is_returned_without_check() -> None:
    assert system.run(["false"], check=False).returncode == 1


def test_a_missing_program_raises_an_error() -> None:
    with pytest.raises(ClusterError, match="no-such-program is not installed") as caught:
        system.run(["no-such-program"])
    assert caught.value.code == "missing-program"


def test_a_hanging_command_times_out() -> None:
    with pytest.raises(ClusterError, match=r"did not finish within 0\.1 s") as caught:
        system.run(["sleep", "60"], timeout=0.1)
    assert caught.value.code == "command-timed-out"


def test_binary_output_is_decoded_with_replacements() -> None:
    assert "\ufffd" in system.run([sys.executable, "-c", r"import os; os.write(1, b'\xff')"]).stdout


def test_a_command_runs_in_a_network_namespace() -> None:
    assert system.in_netns("sb0-cp", ["ip", "link"]) == ["nsenter", "--net=/run/netns/sb0-cp", "ip", "link"]
    assert system.in_netns(None, ["ip", "link"]) == ["ip", "link"]
