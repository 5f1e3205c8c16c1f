"""Keys from a mounted Secret."""

from pathlib import Path

import pytest
import structlog
from tests.unit.signaling.jwts import OTHER_SECRET, SECRET, secret_dir

from switchboard_signaling.server.access.keys import KeysError, SharedSecrets, token_keys
from switchboard_signaling.server.telemetry.signature import key_of


def test_without_a_folder_there_is_a_random_key() -> None:
    assert token_keys(None) != token_keys(None)


def test_every_file_is_a_key_except_those_of_kubernetes(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "current").write_bytes(b"k" * 32 + b"\n")
    (tmp_path / "previous").write_bytes(b"p" * 32)
    assert token_keys(tmp_path) == {"current": b"k" * 32, "previous": b"p" * 32}


def test_an_unusable_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="cannot read the keys"):
        token_keys(tmp_path / "missing")
    with pytest.raises(KeysError, match="has no keys"):
        token_keys(tmp_path)
    (tmp_path / "current").write_bytes(b"hush")
    with pytest.raises(KeysError, match="shorter than") as caught:
        token_keys(tmp_path)
    assert "hush" not in str(caught.value)


def test_a_shared_secret_is_at_least_as_long_as_its_hash(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="shorter than 32 bytes"):
        SharedSecrets(secret_dir(tmp_path, one=b"s" * 31))
    assert SharedSecrets(secret_dir(tmp_path, one=SECRET)).keys() == [SECRET]


def test_shared_secrets_are_reread_when_a_file_changes(tmp_path: Path) -> None:
    secrets = SharedSecrets(secret_dir(tmp_path, one=SECRET))
    secret_dir(tmp_path, two=OTHER_SECRET)
    assert secrets.keys() == [SECRET, OTHER_SECRET]
    (tmp_path / "one").unlink()
    assert secrets.keys() == [OTHER_SECRET]


def test_unusable_new_secrets_leave_the_previous_ones_in_use(tmp_path: Path) -> None:
    folder = secret_dir(tmp_path / "auth", one=SECRET)
    secrets = SharedSecrets(folder)
    secret_dir(folder, two=b"too short")
    assert secrets.keys() == [SECRET]
    folder.rename(tmp_path / "gone")
    assert secrets.keys() == [SECRET]
    secret_dir(folder, three=OTHER_SECRET)
    assert secrets.keys() == [OTHER_SECRET]


MALFORMED = b"whsec_-_malformed_-_malformed_-_malformed"
UNPADDED = b"whsec_" + b"QUJD" * 10 + b"QUI"


def test_a_malformed_webhook_secret_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"/one is not base64 after whsec_\. Remedy: ") as caught:
        SharedSecrets(secret_dir(tmp_path, one=MALFORMED), "webhook secrets", key_of)
    assert "malformed_-_" not in str(caught.value)


def test_a_malformed_new_webhook_secret_leaves_the_previous_ones_in_use(tmp_path: Path) -> None:
    secrets = SharedSecrets(secret_dir(tmp_path, one=UNPADDED), "webhook secrets", key_of)
    assert secrets.keys() == [b"ABC" * 10 + b"AB"]
    secret_dir(tmp_path, two=MALFORMED)
    with structlog.testing.capture_logs() as lines:
        assert secrets.keys() == secrets.keys() == [b"ABC" * 10 + b"AB"]
    [entry] = lines
    assert (entry["event"], entry["log_level"], entry["what"]) == ("secrets_refused", "error", "webhook secrets")
    assert "/two is not base64" in entry["error"]
    assert entry["remedy"].startswith("fix the file")
    (tmp_path / "two").write_bytes(SECRET)
    assert secrets.keys() == [b"ABC" * 10 + b"AB", SECRET]
