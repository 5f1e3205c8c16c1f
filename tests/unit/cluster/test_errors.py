"""The error of the package."""

from pathlib import Path

from switchboard_cluster.errors import ClusterError


def test_an_error_has_a_code_a_message_and_a_remedy() -> None:
    error = ClusterError("disk-full", "no space", "free some")
    assert str(error) == "no space"
    assert error.as_dict() == {"code": "disk-full", "message": "no space", "remedy": "free some"}


def test_an_error_may_have_a_log() -> None:
    error = ClusterError("unit-died", "etcd ended", "read the log", Path("/logs/etcd.log"))
    assert error.as_dict()["log"] == "/logs/etcd.log"
