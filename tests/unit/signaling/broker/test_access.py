"""What a pod shows the store."""

from pathlib import Path

import pytest

from switchboard_signaling.broker.access import FileCredentials, trusting


def test_credentials_are_read_anew_each_time(tmp_path: Path) -> None:
    credentials = FileCredentials(tmp_path)
    with pytest.raises(OSError, match="username"):
        credentials()
    (tmp_path / "username").write_text("app\n")
    for password in ("old", "new"):
        (tmp_path / "password").write_text(f"{password}\n")
        assert credentials() == ("app", password)


def test_tls_needs_the_store_s_ca(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        trusting(tmp_path)
