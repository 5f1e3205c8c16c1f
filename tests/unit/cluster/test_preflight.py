"""The requirements of a cluster on its machine."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from switchboard_cluster import preflight
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths


def test_root_on_linux_may_start_a_cluster() -> None:
    preflight.check_system("linux", 0)


@pytest.mark.parametrize(
    ("platform", "user", "code", "remedy"),
    [
        ("darwin", 0, "not-linux", "make up CLUSTER=kind"),
        ("darwin", 501, "not-linux", "make up CLUSTER=kind"),
        ("linux", 1000, "not-root", "sudo"),
    ],
)
def test_other_users_and_systems_are_refused_with_a_remedy(platform: str, user: int, code: str, remedy: str) -> None:
    with pytest.raises(ClusterError) as caught:
        preflight.check_system(platform, user)
    assert caught.value.code == code
    assert remedy in caught.value.remedy


def test_a_machine_with_all_programs_passes() -> None:
    preflight.check_programs(set(preflight.PROGRAMS))


def test_all_missing_packages_are_reported_together_and_once() -> None:
    with pytest.raises(ClusterError, match="not installed: nsenter, unshare, runc") as caught:
        preflight.check_programs(set(preflight.PROGRAMS) - {"runc", "nsenter", "unshare"})
    assert caught.value.code == "missing-package"
    assert caught.value.remedy == "apt-get install --no-install-recommends runc util-linux"


@pytest.mark.parametrize(("free", "enough"), [(preflight.DISK_NEEDED, True), (preflight.DISK_NEEDED - 1, False)])
def test_a_cluster_needs_disk_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, enough: bool) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    paths = Paths(tmp_path / "not" / "there" / "yet")
    if enough:
        preflight.check_disk(paths)
    else:
        with pytest.raises(ClusterError, match=r"has 3\.0 GiB free; a cluster needs 3 GiB") as caught:
            preflight.check_disk(paths)
        assert caught.value.code == "disk-full"
