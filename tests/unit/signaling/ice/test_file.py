"""The ICE directory as a file that changes."""

from pathlib import Path

from switchboard_signaling.ice.directory import Server
from switchboard_signaling.ice.file import IceFile
from switchboard_signaling.wire.messages import IceServer


def write(path: Path, text: str) -> None:
    """Replace the file as Kubernetes does in a mounted Secret: with a new file of the same name."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_without_a_file_there_are_no_servers() -> None:
    assert IceFile(None, lambda: 0).servers("x") == []


def test_a_server_of_the_settings_comes_after_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "directory.json"
    ice = IceFile(path, lambda: 0, Server(stun_urls=["stun:mine"]))
    assert ice.servers("x") == [IceServer(["stun:mine"])]
    write(path, '{"servers": [{"urls": ["turn:one"]}]}')
    assert ice.servers("x") == [IceServer(["turn:one"]), IceServer(["stun:mine"])]


def test_a_changed_file_is_reread_and_an_invalid_one_leaves_the_previous_in_use(tmp_path: Path) -> None:
    path = tmp_path / "directory.json"
    ice = IceFile(path, lambda: 0)
    assert ice.servers("x") == []
    write(path, '{"servers": [{"urls": ["turn:one"]}]}')
    assert ice.servers("x") == [IceServer(["turn:one"])]
    write(path, '{"servers": [{"urls": ["turn:two"], "auth": {"type": "hmac", "secret": "s", "ttlSeconds": 60}}]}')
    assert ice.servers("x")[0].urls == ["turn:two"]
    assert ice.ttl_ms() == 60_000
    write(path, "{")
    assert ice.servers("x")[0].urls == ["turn:two"]
    path.unlink()
    assert ice.servers("x")[0].urls == ["turn:two"]
