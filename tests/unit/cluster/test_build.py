"""The builds of the cluster's binaries."""

from dataclasses import replace
from pathlib import Path

import pytest

from switchboard_cluster import build, layout
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths
from switchboard_cluster.progress import Progress

QUIET = Progress(quiet=True)
MODULE = build.Module("tool", (".",), ("tool",), links=("alias",))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the source folder of `MODULE`, in a checkout with its own cache."""
    monkeypatch.setattr(layout, "checkout_root", lambda: tmp_path / "checkout")
    monkeypatch.setenv("SWITCHBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "MODULES", (MODULE,))
    found = build.source(MODULE)
    found.mkdir(parents=True)
    (found / "go.mod").write_text("module tool\n")
    (found / "main.go").write_text("package main\n")
    return found


def built(module: build.Module) -> None:
    """Put the outputs of a build into the cache."""
    target = build.target(module)
    target.mkdir(parents=True)
    for name in (*module.outputs, *module.links):
        (target / name).touch()


def test_every_module_has_its_source_in_the_checkout() -> None:
    for module in build.MODULES:
        assert (build.source(module) / "go.mod").is_file(), module.name


def test_no_two_modules_build_the_same_binary() -> None:
    names = [name for module in build.MODULES for name in (*module.outputs, *module.links)]
    assert len(names) == len(set(names))
    assert {"kubectl", "helm", "ctr", "kubelet"} <= set(names)


def test_the_same_inputs_have_the_same_fingerprint(folder: Path) -> None:
    first = build.fingerprint(MODULE)
    (folder / "main.go").touch()
    assert build.fingerprint(MODULE) == first


def test_a_change_of_any_input_changes_the_fingerprint(folder: Path) -> None:
    found = {build.fingerprint(MODULE), build.fingerprint(replace(MODULE, flags=("-race",)))}
    (folder / "main.go").write_text("package main // changed\n")
    found.add(build.fingerprint(MODULE))
    (folder / "main.go").rename(folder / "other.go")
    found.add(build.fingerprint(MODULE))
    (folder / "go.sum").touch()
    found.add(build.fingerprint(MODULE))
    assert len(found) == 5


@pytest.mark.usefixtures("folder")
def test_binaries_in_the_cache_are_linked_and_not_built(tmp_path: Path) -> None:
    built(MODULE)
    paths = Paths(tmp_path / "cluster")
    assert build.ensure(paths, QUIET) == []
    assert {link.name: link.readlink() for link in paths.bin.iterdir()} == {
        name: build.target(MODULE) / name for name in ("tool", "alias")
    }


def test_links_follow_a_new_build(folder: Path, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "cluster")
    built(MODULE)
    build.ensure(paths, QUIET)
    (folder / "main.go").write_text("package main // changed\n")
    built(MODULE)
    (paths.bin / "alias").unlink()
    (paths.bin / "alias").write_text("a file of another program")
    build.ensure(paths, QUIET)
    assert {link.readlink().parent for link in paths.bin.iterdir()} == {build.target(MODULE)}


def go(folder: Path, version: str) -> Path:
    """Create a `go` that prints this version."""
    folder.mkdir(parents=True)
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("version", "expected"),
    [("go1.21.3", (1, 21)), ("go1.27", (1, 27)), ("go2.0rc1", (2, 0)), ("devel +abc", (0, 0)), ("", (0, 0))],
)
def test_the_version_of_a_toolchain_is_parsed(tmp_path: Path, version: str, expected: tuple[int, int]) -> None:
    assert build._go_version(str(go(tmp_path / "bin", version))) == expected


@pytest.mark.usefixtures("folder")
def test_the_machines_own_go_is_used_if_it_is_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = go(tmp_path / "bin", "go1.21.0")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert build.find_go(QUIET) == str(program)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("version", ["go1.20.9", "unknown"])
def test_the_go_in_the_cache_replaces_an_old_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    old = go(tmp_path / "bin", version)
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin:/bin")
    cached = go(layout.cache_root() / "go" / "go" / "bin", "go1.27.1")
    assert build.find_go(QUIET) == str(cached)


def test_a_failed_build_raises_an_error_with_its_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing = go(tmp_path / "bin", "go1.21.0")
    failing.write_text('#!/bin/sh\ncase "$*" in *GOVERSION) echo go1.21.0;; *" build "*) echo broken; exit 1;; esac\n')
    monkeypatch.setenv("PATH", f"{failing.parent}:/usr/bin:/bin")
    monkeypatch.setattr(build, "_need_disk", lambda _: None)
    with pytest.raises(ClusterError, match="go build of tool failed") as caught:
        build.ensure(Paths(tmp_path / "cluster"), QUIET)
    assert caught.value.code == "build-failed"
    assert caught.value.log is not None
    assert caught.value.log.read_text() == "broken\n"
    assert not build.target(MODULE).exists(), "an incomplete build does not count as built"


def test_a_build_creates_the_outputs_and_their_links(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = go(tmp_path / "bin", "go1.21.0")
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *GOVERSION) echo go1.21.0; exit;; *list*) echo one; exit;; esac\n'
        'while [ "$1" != -o ]; do shift; done\n'
        'echo made > "$2/named-after-the-module"\n'
    )
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(build, "_need_disk", lambda _: None)
    paths = Paths(tmp_path / "cluster")
    assert build.ensure(paths, QUIET) == ["tool"]
    assert (paths.bin / "tool").read_text() == (paths.bin / "alias").read_text() == "made\n"
    assert build.ensure(paths, QUIET) == [], "a second time builds nothing"
