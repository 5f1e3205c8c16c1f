"""The operator and a pod on the wire between them: whom each believes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from switchboard_crds import names
from switchboard_operator.keys.derived import Keys
from switchboard_operator.pools.pods import Access, PodClient, PodEndpoint, PodError
from switchboard_signaling.server.http.internal import internal_app
from switchboard_signaling.server.http.tls import internal_tls
from switchboard_signaling.server.pod import make_pod
from switchboard_signaling.settings import ServerSettings

KEYS = Keys(bytes(range(32)))


def mount(folder: Path, keys: Keys, pool_uid: str) -> None:
    """Write what a pod of the pool mounts."""
    for name in ("tokens", "tls"):
        (folder / name).mkdir(exist_ok=True)
    identity = keys.internal_certificate(pool_uid)
    (folder / "tokens" / "current").write_text(keys.internal_token(pool_uid))
    (folder / "tls" / "tls.crt").write_text(identity.certificate)
    (folder / "tls" / "tls.key").write_text(identity.key)


@pytest.fixture
async def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of a pod of the pool `a`."""
    mount(tmp_path, KEYS, "a")
    app = internal_app(make_pod(ServerSettings(internal_token_dir=tmp_path / "tokens", capacity=3)))
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=internal_tls(tmp_path / "tls"))
    assert server.port is not None
    monkeypatch.setattr(names, "INTERNAL_PORT", server.port)
    yield server.host
    await server.close()


async def test_a_pod_authenticates_itself_and_accepts_the_operators_commands(pod: str) -> None:
    place = PodEndpoint("pod", pod, Access.to("a", KEYS))
    async with PodClient(fence=7) as client:
        assert (await client.sample(place)).capacity == 3
        assert (await client.cordon(place, True)).cordoned


async def test_a_server_with_another_certificate_receives_no_token(pod: str) -> None:
    async with PodClient(fence=7) as client:
        for access in (Access.to("b", KEYS), Access.to("a", Keys(bytes(32)))):
            with pytest.raises(PodError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.cordon(PodEndpoint("pod", pod, access), True)
        assert not (await client.sample(PodEndpoint("pod", pod, Access.to("a", KEYS)))).cordoned


async def test_the_internal_port_requires_tls(pod: str) -> None:
    reader, writer = await asyncio.open_connection(pod, names.INTERNAL_PORT)
    writer.write(b"GET /internal/sample HTTP/1.1\r\nHost: pod\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"sessions" not in await reader.read()
    writer.close()


async def test_a_running_pod_reads_the_files_of_a_new_root_key(pod: str, tmp_path: Path) -> None:
    new = Keys(bytes(32))
    mount(tmp_path, new, "a")
    async with PodClient(fence=8) as client:
        assert (await client.cordon(PodEndpoint("pod", pod, Access.to("a", new)), True)).cordoned


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_pod_without_a_certificate_reports_the_path_and_the_remedy(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "tls.crt").write_text(content)
        (tmp_path / "tls.key").write_text(content)
    with pytest.raises(OSError, match=f"{tmp_path}.*Remedy: put tls.crt"):
        internal_tls(tmp_path)


def test_the_secrets_are_not_printed() -> None:
    access = Access.to("a", KEYS)
    assert access.token not in repr(PodEndpoint("pod", "10.0.0.1", access))
    assert "PRIVATE" not in repr(KEYS.internal_certificate("a"))
