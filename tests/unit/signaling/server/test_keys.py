"""The pool's token keys from a mounted Secret."""

from pathlib import Path

import pytest

from switchboard_signaling.server.keys import KeysError, token_keys


def test_without_a_folder_a_random_key_is_made() -> None:
    assert token_keys(None) != token_keys(None)


def test_every_file_is_a_key_but_kubernetes_bookkeeping(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "current").write_bytes(b"k" * 32 + b"\n")
    (tmp_path / "previous").write_bytes(b"p" * 32)
    assert token_keys(tmp_path) == {"current": b"k" * 32, "previous": b"p" * 32}


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="cannot be read"):
        token_keys(tmp_path / "missing")
    with pytest.raises(KeysError, match="has no token key"):
        token_keys(tmp_path)
    (tmp_path / "current").write_bytes(b"hush")
    with pytest.raises(KeysError, match="shorter than") as caught:
        token_keys(tmp_path)
    assert "hush" not in str(caught.value)
