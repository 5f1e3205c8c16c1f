"""The inventory of a slot on its machine."""

import os
from pathlib import Path

import pytest

from switchboard_cluster import inventory
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.inventory import Inventory

NOTHING = Inventory(processes=[], namespaces=[], links=[], routes=[], mounts=[], cgroups=[], files=[])


def test_an_empty_inventory_has_no_lines() -> None:
    assert NOTHING.lines() == []


def test_an_inventory_has_one_line_per_thing_with_its_kind() -> None:
    found = Inventory(["12 etcd"], ["sb0-cp"], ["sb0"], ["10.200.101.0/24"], ["/m"], ["/sys/fs/cgroup/a"], ["/f", "/g"])
    assert found.lines() == [
        "processes: 12 etcd",
        "namespaces: sb0-cp",
        "links: sb0",
        "routes: 10.200.101.0/24",
        "mounts: /m",
        "cgroups: /sys/fs/cgroup/a",
        "files: /f",
        "files: /g",
    ]


MOUNTS = r"""
22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 0:30 / /run/cluster/0 rw - tmpfs tmpfs rw
41 40 0:31 / /run/cluster/0/pod/rootfs rw - overlay overlay rw
42 22 0:32 / /run/cluster/01 rw - tmpfs tmpfs rw
43 22 0:33 / /home/me\040too/data rw shared:5 - tmpfs tmpfs rw
"""


@pytest.fixture
def mountinfo(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS.lstrip())
    return file


def test_mounts_below_a_folder_are_listed_deepest_first(mountinfo: Path) -> None:
    assert inventory.mounts_below([Path("/run/cluster/0")], mountinfo) == [
        Path("/run/cluster/0/pod/rootfs"),
        Path("/run/cluster/0"),
    ]


def test_a_mount_point_may_contain_a_space(mountinfo: Path) -> None:
    assert inventory.mounts_below([Path("/home/me too")], mountinfo) == [Path("/home/me too/data")]


def test_a_folder_without_mounts_has_none(tmp_path: Path) -> None:
    assert inventory.mounts_below([tmp_path]) == []


def test_a_folder_is_removed_with_its_contents(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "pod").mkdir(parents=True)
    (folder / "pod" / "file").touch()
    inventory.remove_folder(folder)
    assert not folder.exists()
    inventory.remove_folder(folder)  # nothing to do


def test_a_link_is_removed_without_its_target(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    link = tmp_path / "link"
    link.symlink_to(kept)
    broken = tmp_path / "broken"
    broken.symlink_to(tmp_path / "nothing")
    for one in (link, broken):
        inventory.remove_folder(one)
        assert not one.is_symlink()
    assert kept.exists()


def test_a_folder_that_cannot_be_removed_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "busy").mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(os.strerror(16))

    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(ClusterError, match=str(tmp_path / "busy")) as caught:
        inventory.remove_folder(tmp_path / "busy", timeout=0.05)
    assert caught.value.code == "cannot-remove"
