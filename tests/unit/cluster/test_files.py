"""Atomic writes."""

from pathlib import Path

from switchboard_cluster import files


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    file, unfinished = tmp_path / "state", tmp_path / "unfinished"
    file.write_text("old")
    unfinished.write_text("of a write that was killed, and that was longer")
    files.write_atomically(file, "new", unfinished)
    assert file.read_text() == "new"
    assert not unfinished.exists()
