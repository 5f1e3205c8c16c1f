"""Bases: their suites, their versions and their cache."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images import bases
from switchboard_cluster.images.bases import Bootstrapped
from switchboard_cluster.images.catalog import PYTHON, VALKEY, Base, Suite
from switchboard_cluster.images.store import ImageStore
from switchboard_cluster.progress import Progress

QUIET = Progress(quiet=True)
Bootstrap = Callable[[Base, Suite, ImageStore, Progress], Bootstrapped]


def failing(suites: dict[str, ClusterError]) -> Bootstrap:
    def bootstrap(base: Base, suite: Suite, store: ImageStore, _: Progress) -> Bootstrapped:
        if suite.name in suites:
            raise suites[suite.name]
        return Bootstrapped(store.bases / f"{base.name}.tar", suite.name, "0a", {"python": (3, 13)})

    return bootstrap


TOO_OLD = ClusterError("version-floor", "python 3.13 is older than 3.14", "")
FAILED = ClusterError("image-step-failed", "bootstrapping failed", "")


def test_a_key_changes_with_the_base_and_the_machine() -> None:
    keys = {bases.key(base, machine) for base in (PYTHON, VALKEY) for machine in ("x86_64", "aarch64")}
    assert len(keys) == 4
    assert bases.key(PYTHON, "x86_64") in keys


@pytest.mark.parametrize("reason", [TOO_OLD, FAILED], ids=lambda error: error.code)
def test_the_stable_release_replaces_an_unsuitable_testing_release(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: ClusterError
) -> None:
    monkeypatch.setattr(bases, "_bootstrap", failing({"forky": reason}))
    assert bases.ensure(PYTHON, ImageStore(tmp_path), QUIET).suite == "trixie"


def test_without_a_suitable_release_the_error_lists_all_reasons(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bases, "_bootstrap", failing({"forky": TOO_OLD, "trixie": FAILED}))
    with pytest.raises(ClusterError, match=r"forky: python 3\.13 is older than 3\.14; trixie: bootstrapping failed"):
        bases.ensure(PYTHON, ImageStore(tmp_path), QUIET)


def test_a_failure_independent_of_the_release_is_raised_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = ClusterError("missing-program", "mmdebstrap is not installed", "")
    monkeypatch.setattr(bases, "_bootstrap", failing({"forky": missing}))
    with pytest.raises(ClusterError, match="mmdebstrap is not installed"):
        bases.ensure(PYTHON, ImageStore(tmp_path), QUIET)


def test_a_base_in_the_cache_is_not_bootstrapped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bases.platform, "machine", lambda: "x86_64")
    store = ImageStore(tmp_path)
    archive = store.bases / f"python-{bases.key(PYTHON, 'x86_64')}.tar"
    assert bases.find(PYTHON, store) is None
    store.bases.mkdir()
    archive.touch()
    assert bases.find(PYTHON, store) is None, "a base without its description is incomplete"
    archive.with_suffix(".json").write_text(
        json.dumps({"suite": "forky", "sha256": "0a", "versions": {"python": (3, 14)}})
    )
    found = bases.ensure(PYTHON, store, QUIET)
    assert found == Bootstrapped(archive, "forky", "0a", {"python": (3, 14)})
    assert bases.python_version(found) == (3, 14)
