"""The certificate of the internal port."""

import asyncio
import ssl
from pathlib import Path

import pytest

from switchboard_cluster.pki import Authority, Subject
from switchboard_signaling.server.http.tls import internal_tls


async def served(context: ssl.SSLContext, ca: Path) -> int:
    """Return the serial number of the certificate that a client is shown."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    trusting = ssl.create_default_context(cafile=str(ca))
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="pod")
        found = writer.get_extra_info("peercert")
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
    return int(found["serialNumber"], 16)


async def test_a_certificate_that_was_replaced_is_shown_from_then_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue(Subject("tls", "pod", hosts=("pod",)))
    context = internal_tls(tmp_path)
    first = await served(context, tmp_path / "ca.crt")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).unlink()
    authority.issue(Subject("tls", "pod", hosts=("pod",)))
    assert await served(context, tmp_path / "ca.crt") != first


def test_a_folder_without_a_certificate_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"No certificate for the internal port in {tmp_path}: .*Remedy: put tls\.crt"):
        internal_tls(tmp_path)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text("no PEM")
    with pytest.raises(OSError, match="Remedy: put"):
        internal_tls(tmp_path)
