"""The cache of images and its cleanup."""

import json
import os
from pathlib import Path

import pytest

from switchboard_cluster.images import store as stores
from switchboard_cluster.images.store import ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def test_the_store_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWITCHBOARD_CACHE", str(tmp_path))
    assert ImageStore.of_user().root == tmp_path / "images"
    assert ImageStore.of_user().archive("turn", "0a") == tmp_path / "images/archives/turn-0a.tar"
    assert ImageStore.of_user().lock.parent == ImageStore.of_user().log("turn").parents[1] == tmp_path / "images"


def test_leftovers_of_an_interrupted_build_are_removed(store: ImageStore) -> None:
    kept = [store.bases / "python.tar", store.wheels / "turn" / "a.whl", store.archives / "turn-0a.tar"]
    left = [
        store.bases / "python.tar.unfinished",
        store.wheels / "turn.unfinished" / "a.whl",
        store.archives / "turn-0b.tar.unfinished",
        store.work / "turn" / "Dockerfile",
    ]
    for path in kept + left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    stores.clean(store)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in left)
    assert store.work.is_dir()


def test_the_most_recently_used_entries_are_kept(tmp_path: Path) -> None:
    for age, name in enumerate(("turn-1.tar", "turn-2.tar", "turn-3.tar", "turn-4.tar", "valkey-1.tar")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    stores.mark_used(tmp_path / "turn-4.tar")
    stores.prune(tmp_path, "turn-*.tar", kept=2)
    assert {path.name for path in tmp_path.iterdir()} == {"turn-4.tar", "turn-1.tar", "valkey-1.tar"}


@pytest.mark.parametrize(("size", "stays"), [(stores.STORAGE_LIMIT // 2, True), (stores.STORAGE_LIMIT, False)])
def test_buildahs_storage_is_deleted_above_its_limit(store: ImageStore, size: int, stays: bool) -> None:
    layers = store.storage / "overlay-layers" / "layers.json"
    layers.parent.mkdir(parents=True)
    layers.write_text(json.dumps([{"diff-size": size}, {"diff-size": 1}, {"id": "empty"}]))
    stores.clean(store)
    assert layers.exists() is stays
