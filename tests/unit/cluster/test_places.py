"""The fixed folders of the machine."""

from pathlib import Path

import pytest

from switchboard_cluster import components, layout, places


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Return the fixed folders of a machine that has the second one already."""
    found = [tmp_path / "kubelet", tmp_path / "cni"]
    found[1].mkdir()
    monkeypatch.setattr(layout, "RUN_ROOT", tmp_path)
    monkeypatch.setattr(components, "PRIVATE_PLACES", tuple(map(str, found)))
    monkeypatch.setattr(components, "VOLUMES_PLACE", str(tmp_path / "volumes"))
    return [*found, tmp_path / "volumes"]


def test_what_was_not_there_before_is_removed(fixed: list[Path]) -> None:
    places.make()
    assert all(place.is_dir() for place in fixed)
    places.remove()
    assert [place.exists() for place in fixed] == [False, True, False]
    assert list(fixed[1].iterdir()) == []


def test_a_folder_of_ours_is_not_empty_so_that_nobody_tidies_it_up(fixed: list[Path]) -> None:
    places.make()
    with pytest.raises(OSError, match="not empty"):
        fixed[0].rmdir()


def test_whose_folders_they_are_is_not_forgotten_by_a_second_start(fixed: list[Path]) -> None:
    places.make()
    places.make()
    places.remove()
    assert not fixed[0].exists()


def test_a_start_that_was_killed_half_way_is_finished(fixed: list[Path]) -> None:
    places.make()
    (fixed[0] / places.KEEP).unlink()
    fixed[0].rmdir()
    places.make()
    assert (fixed[0] / places.KEEP).exists()


def test_what_another_program_has_put_there_stays(fixed: list[Path]) -> None:
    places.make()
    (fixed[0] / "config.yaml").touch()
    places.remove()
    assert [path.name for path in fixed[0].iterdir()] == ["config.yaml"]


@pytest.mark.usefixtures("fixed")
def test_nothing_is_removed_twice() -> None:
    places.remove()
    places.make()
    places.remove()
    places.remove()
