"""The JSON form of an error."""

from pathlib import Path

from switchboard_cluster.errors import ClusterError


def test_an_error_says_what_went_wrong_and_what_helps() -> None:
    error = ClusterError("disk-full", "no space", "free some")
    assert str(error) == "no space"
    assert error.as_dict() == {"code": "disk-full", "message": "no space", "remedy": "free some"}


def test_an_error_names_its_log_where_there_is_one() -> None:
    error = ClusterError("unit-died", "etcd ended", "read the log", Path("/logs/etcd.log"))
    assert error.as_dict()["log"] == "/logs/etcd.log"
