"""The builds of images and their cache."""

from dataclasses import replace
from pathlib import Path

import pytest

from switchboard_cluster import images
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images import build, loading
from switchboard_cluster.images.bases import Bootstrapped
from switchboard_cluster.images.build import Built
from switchboard_cluster.images.store import ImageStore
from switchboard_cluster.progress import Progress

QUIET = Progress(quiet=True)
BASE = Bootstrapped(Path("/base.tar"), "forky", "0a", {"python": (3, 14)})


@pytest.fixture
def binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWITCHBOARD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pause", "coredns"):
        (folder / name).write_text(name)
    return folder


def test_an_image_in_the_cache_is_not_built(binaries: Path) -> None:
    image = images.find("pause")
    tag = build._tag(image, None, binaries)
    archive = ImageStore.of_user().archive("pause", tag)
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert images.ensure(["pause"], binaries=binaries, progress=QUIET) == {
        "pause": Built("pause", f"docker.io/switchboard/pause:{tag}", archive, built=False)
    }


@pytest.mark.parametrize(("name", "packages"), [("pause", "buildah"), ("valkey", "buildah mmdebstrap")])
def test_missing_packages_are_reported_before_any_build(
    binaries: Path, monkeypatch: pytest.MonkeyPatch, name: str, packages: str
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ClusterError) as caught:
        images.ensure([name], binaries=binaries, progress=QUIET)
    assert caught.value.remedy == f"apt-get install --no-install-recommends {packages}"
    assert not ImageStore.of_user().root.exists()


def test_a_context_does_not_overwrite_files(binaries: Path, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="is not empty"):
        images.write_context("pause", binaries, python=None, binaries=binaries, progress=QUIET)
    assert (binaries / "pause").read_text() == "pause"


def test_the_context_of_a_binary_image_is_the_binary(binaries: Path, tmp_path: Path) -> None:
    images.write_context("pause", tmp_path / "context", python=None, binaries=binaries, progress=QUIET)
    assert {path.name for path in (tmp_path / "context").iterdir()} == {"Dockerfile", "pause"}


def test_the_tag_changes_with_the_binary(binaries: Path) -> None:
    image = images.find("pause")
    before = build._tag(image, None, binaries)
    assert build._tag(image, None, binaries) == before
    (binaries / "pause").write_text("another")
    assert build._tag(image, None, binaries) != before


def test_the_tag_changes_with_the_base_the_lock_the_sources_and_the_dockerfile(binaries: Path) -> None:
    image = images.find("turn")
    variants = [
        (image, BASE),
        (image, replace(BASE, sha256="0b")),
        (replace(image, name="signaling"), BASE),
        (replace(image, packages=("crds",)), BASE),
        (replace(image, dockerfile="signaling/Dockerfile"), BASE),
    ]
    assert len({build._tag(one, base, binaries) for one, base in variants}) == len(variants)


def test_only_missing_images_are_loaded_into_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    class Done:
        def __init__(self, stdout: str) -> None:
            self.stdout = stdout

    def run(argv: list[str], timeout: float = 0) -> Done:
        calls.append(argv)
        return Done("r/a:1\n" if argv[2] == "/one.sock" and "list" in argv else "")

    monkeypatch.setattr(loading, "run", run)
    built = [Built(name, f"r/{name}:1", Path(f"/{name}.tar"), built=False) for name in "ab"]
    nodes = [(Path("/ctr"), Path("/one.sock")), (Path("/ctr"), Path("/two.sock"))]
    assert images.load(built, nodes) == ["r/a:1", "r/b:1"]
    assert sorted((call[2], call[-1]) for call in calls if "import" in call) == [
        ("/one.sock", "/b.tar"),
        ("/two.sock", "/a.tar"),
        ("/two.sock", "/b.tar"),
    ]


def test_without_nodes_nothing_is_loaded() -> None:
    assert images.load([], []) == []
