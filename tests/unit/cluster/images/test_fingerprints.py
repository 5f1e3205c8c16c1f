"""An image's tag changes with its inputs and with nothing else."""

from pathlib import Path

import pytest

from switchboard_cluster.images import fingerprints


def test_the_order_of_inputs_does_not_matter() -> None:
    assert fingerprints.combine({"a": "1", "b": "2"}) == fingerprints.combine({"b": "2", "a": "1"})


def test_text_and_bytes_are_the_same_content() -> None:
    assert fingerprints.combine({"a": "1"}) == fingerprints.combine({"a": b"1"})


@pytest.mark.parametrize(
    "other",
    [{"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "1"}, {"a": "1b2"}, {"a": "1", "b": "2", "c": ""}, {"a1": "b2"}],
)
def test_different_inputs_have_different_hashes(other: dict[str, str]) -> None:
    assert fingerprints.combine(dict(other)) != fingerprints.combine({"a": "1", "b": "2"})


def test_a_tag_is_short() -> None:
    assert len(fingerprints.combine({})) == fingerprints.LENGTH == 16


def test_a_file_is_hashed_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # The SHA-256 of "abc", FIPS 180-2 appendix B.1.
    assert fingerprints.file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sources_behind_a_link_are_included(tmp_path: Path) -> None:
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk" / "a.js").write_text("one")
    web = tmp_path / "pkg" / "src" / "pkg" / "web"
    web.mkdir(parents=True)
    (web / "sdk").symlink_to("../../../../sdk")
    assert fingerprints.sources(tmp_path / "pkg") == {"src/pkg/web/sdk/a.js": b"one"}


def test_sources_are_the_files_of_the_wheel(tmp_path: Path) -> None:
    for name in (
        "pyproject.toml",
        "README.md",
        "src/pkg/a.py",
        "src/pkg/web/b.js",
        "src/pkg/__pycache__/a.cpython-311.pyc",
        "src/pkg.egg-info/PKG-INFO",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert fingerprints.sources(tmp_path) == {
        name: name.encode() for name in ("pyproject.toml", "src/pkg/a.py", "src/pkg/web/b.js")
    }
