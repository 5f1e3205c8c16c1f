"""The cgroups of a slot, on hosts with cgroup v1, v2 or both."""

from pathlib import Path

import pytest

from switchboard_cluster import cgroups
from switchboard_cluster.errors import ClusterError

V1 = """\
25 30 0:22 / /sys rw,relatime shared:7 - sysfs sysfs rw
31 25 0:27 / {root}/cpuset rw,nosuid shared:9 - cgroup cgroup rw,cpuset
32 25 0:28 / {root}/memory rw,nosuid shared:10 - cgroup cgroup rw,memory
"""
V2 = "31 25 0:27 / {root}/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of a host's hierarchies, whose mounts are in `mountinfo`."""
    monkeypatch.setattr(cgroups, "MOUNTS", tmp_path / "mountinfo")
    return tmp_path


def mounted(host: Path, *texts: str) -> None:
    (host / "mountinfo").write_text("".join(texts).format(root=host))


def test_a_v1_host_has_one_hierarchy_per_controller(host: Path) -> None:
    mounted(host, V1)
    assert cgroups.hierarchies() == {host / "cpuset": "cgroup", host / "memory": "cgroup"}


def test_a_v2_host_has_one_hierarchy(host: Path) -> None:
    mounted(host, V2)
    assert cgroups.hierarchies() == {host / "unified": "cgroup2"}


def test_a_host_may_have_both(host: Path) -> None:
    mounted(host, V1, V2)
    assert set(cgroups.hierarchies().values()) == {"cgroup", "cgroup2"}
    assert len(cgroups.hierarchies()) == 3


def test_a_new_cpuset_has_the_processors_and_memory_of_its_parent(host: Path) -> None:
    mounted(host, V1)
    folder = host / "cpuset" / "switchboard" / "0"
    folder.mkdir(parents=True)
    (host / "memory").mkdir()
    for below in (host / "cpuset", folder.parent, folder):  # the kernel creates these files with the group
        for name in ("cpuset.cpus", "cpuset.mems"):
            (below / name).write_text("")
    (host / "cpuset" / "cpuset.cpus").write_text("0-3")
    (host / "cpuset" / "cpuset.mems").write_text("0")
    cgroups.create("switchboard/0")
    assert (folder / "cpuset.cpus").read_text() == "0-3"
    assert (folder / "cpuset.mems").read_text() == "0"
    assert (host / "memory" / "switchboard" / "0").is_dir()


def test_in_v2_the_parents_of_a_group_delegate_all_controllers(host: Path) -> None:
    mounted(host, V2)
    top = host / "unified"
    (top / "switchboard").mkdir(parents=True)
    for below in (top, top / "switchboard"):
        (below / "cgroup.controllers").write_text("cpu memory pids\n")
    cgroups.create("switchboard/0")
    for below in (top, top / "switchboard"):
        assert (below / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert not (top / "switchboard" / "0" / "cgroup.subtree_control").exists(), "that is the kubelet's to do"


def test_processes_are_found_at_and_below_a_group(host: Path) -> None:
    mounted(host, V2)
    pod = host / "unified" / "switchboard" / "0" / "pod"
    pod.mkdir(parents=True)
    other = host / "unified" / "switchboard" / "1"
    other.mkdir()
    (pod / "cgroup.procs").write_text("12\n0\n")  # 0 is a process of another pid namespace
    (pod.parent / "cgroup.procs").write_text("7\n")
    (other / "cgroup.procs").write_text("99\n")
    assert cgroups.processes("switchboard/0") == {7, 12}
    assert cgroups.processes("switchboard/5") == set()


def test_a_group_is_removed_with_all_below_it_and_leaves_its_neighbour(host: Path) -> None:
    mounted(host, V1)
    for hierarchy in ("cpuset", "memory"):
        (host / hierarchy / "switchboard" / "0" / "pod" / "container").mkdir(parents=True)
    neighbour = host / "memory" / "switchboard" / "1"
    neighbour.mkdir()
    cgroups.remove("switchboard/0")
    assert cgroups.groups("switchboard/0") == []
    assert neighbour.exists()
    assert not (host / "cpuset" / "switchboard").exists(), "nothing else was in it"
    cgroups.remove("switchboard/0")  # nothing to do


def test_a_busy_group_raises_an_error_with_its_path(host: Path) -> None:
    mounted(host, V2)
    group = host / "unified" / "switchboard" / "0"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("7\n")  # unlike a real one, this file prevents the removal of its group
    with pytest.raises(ClusterError, match=str(group)) as caught:
        cgroups.remove("switchboard/0", timeout=0.05)
    assert caught.value.code == "cgroup-busy"
