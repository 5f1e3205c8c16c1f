"""The slots of a machine and their owners."""

from pathlib import Path

import pytest

from switchboard_cluster import layout, places, slots
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Slot


@pytest.fixture
def run_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the run folder of a machine; the file `created` in it stands for the machine's fixed folders."""
    root = tmp_path / "run"
    monkeypatch.setattr(layout, "RUN_ROOT", root)
    monkeypatch.setattr(places, "make", lambda: (root / "created").touch())
    monkeypatch.setattr(places, "remove", lambda: (root / "created").unlink())
    return root


def test_the_first_free_slot_is_chosen() -> None:
    assert slots.choose(set(), []) == Slot(0)
    assert slots.choose({0, 2}, []) == Slot(1)


@pytest.mark.parametrize(
    "route",
    ["10.200.0.0/16", "10.201.5.0/24", "10.200.0.7", "10.200.0.0/15"],
    ids=["its nodes", "within its Services", "one address", "around it"],
)
def test_a_slot_that_conflicts_with_a_route_of_the_machine_is_skipped(route: str) -> None:
    assert slots.choose(set(), [route, "192.168.0.0/24"]) == Slot(1)


def test_a_route_that_covers_all_slots_leaves_none_free() -> None:
    with pytest.raises(ClusterError) as caught:
        slots.choose(set(), ["10.0.0.0/8"])
    assert caught.value.code == "no-slot"


def test_without_a_free_slot_the_error_has_a_remedy() -> None:
    with pytest.raises(ClusterError) as caught:
        slots.choose(set(range(layout.SLOTS)), [])
    assert caught.value.code == "no-slot"
    assert "down --all" in caught.value.remedy


@pytest.mark.usefixtures("run_root")
def test_a_cluster_keeps_its_slot_until_it_releases_it(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    first = slots.claim(mine)
    assert slots.claim(mine) == first == slots.of(mine)
    second = slots.claim(other)
    assert second != first
    assert slots.owners() == {first.number: mine, second.number: other}
    slots.release(first)
    assert slots.of(mine) is None
    assert not first.run_dir.exists()
    assert slots.claim(tmp_path / "third") == first


@pytest.mark.usefixtures("run_root")
def test_an_interrupted_claim_holds_no_slot(tmp_path: Path) -> None:
    free = slots.claim(tmp_path)
    slots.release(free)
    free.run_dir.mkdir(parents=True)
    assert slots.owners() == {}
    assert slots.claim(tmp_path) == free


def test_shared_folders_exist_from_the_first_to_the_last_cluster(run_root: Path, tmp_path: Path) -> None:
    first, second = slots.claim(tmp_path / "first"), slots.claim(tmp_path / "second")
    slots.release(first)
    assert (run_root / "created").exists(), "the second cluster has mounts on them, in its own namespaces"
    slots.release(second)
    assert not (run_root / "created").exists()
