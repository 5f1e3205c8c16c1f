"""The fixed folders of the machine."""

from pathlib import Path

import pytest

from switchboard_cluster import components, layout, places


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Return the fixed folders of a machine on which the second one exists."""
    found = [tmp_path / "kubelet", tmp_path / "cni"]
    found[1].mkdir()
    monkeypatch.setattr(layout, "RUN_ROOT", tmp_path)
    monkeypatch.setattr(components, "PRIVATE_PLACES", tuple(map(str, found)))
    monkeypatch.setattr(components, "VOLUMES_PLACE", str(tmp_path / "volumes"))
    return [*found, tmp_path / "volumes"]


def test_only_created_folders_are_removed(fixed: list[Path]) -> None:
    places.make()
    assert all(place.is_dir() for place in fixed)
    places.remove()
    assert [place.exists() for place in fixed] == [False, True, False]
    assert list(fixed[1].iterdir()) == []


def test_a_created_folder_has_a_file_that_protects_it_from_cleanup_programs(fixed: list[Path]) -> None:
    places.make()
    with pytest.raises(OSError, match="not empty"):
        fixed[0].rmdir()


def test_a_second_start_keeps_the_record_of_created_folders(fixed: list[Path]) -> None:
    places.make()
    places.make()
    places.remove()
    assert not fixed[0].exists()


def test_the_next_start_completes_an_interrupted_one(fixed: list[Path]) -> None:
    places.make()
    (fixed[0] / places.KEEP).unlink()
    fixed[0].rmdir()
    places.make()
    assert (fixed[0] / places.KEEP).exists()


def test_files_of_other_programs_are_kept(fixed: list[Path]) -> None:
    places.make()
    (fixed[0] / "config.yaml").touch()
    places.remove()
    assert [path.name for path in fixed[0].iterdir()] == ["config.yaml"]


@pytest.mark.usefixtures("fixed")
def test_removal_is_idempotent() -> None:
    places.remove()
    places.make()
    places.remove()
    places.remove()
