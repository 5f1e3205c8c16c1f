"""Credentials and TLS from mounted files."""

import ssl
from pathlib import Path

import pytest

from switchboard_cluster.pki import Authority, Subject
from switchboard_signaling.valkey.access import FileCredentials, tls_context


def test_credentials_are_read_each_time(tmp_path: Path) -> None:
    credentials = FileCredentials(tmp_path)
    with pytest.raises(OSError, match="username"):
        credentials()
    (tmp_path / "username").write_text("app\n")
    for password in ("old", "new"):
        (tmp_path / "password").write_text(f"{password}\n")
        assert credentials() == ("app", password)


def test_tls_needs_the_nodes_ca(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        tls_context(tmp_path)


def test_a_certificate_is_presented_if_there_is_one(tmp_path: Path) -> None:
    Authority(tmp_path).issue(Subject("tls", "pod"))
    assert tls_context(tmp_path).verify_mode is ssl.CERT_REQUIRED
    (tmp_path / "tls.key").unlink()
    with pytest.raises(OSError, match="No such file"):
        tls_context(tmp_path)
