"""The directory of ICE servers."""

import pytest

from switchboard_signaling.ice.directory import Directory, DirectoryError, HmacAuth, Server, parse


def test_the_operators_directory_is_read() -> None:
    text = b"""{"version": 1, "servers": [{"fleet": "ns/name", "region": "eu", "urls": ["turn:h:3478?transport=udp"],
      "stunUrls": ["stun:h:3478"], "auth": {"type": "hmac", "secret": "s", "ttlSeconds": 3600}, "healthy": true}]}"""
    assert parse(text) == Directory(
        servers=[
            Server(
                fleet="ns/name",
                region="eu",
                urls=["turn:h:3478?transport=udp"],
                stun_urls=["stun:h:3478"],
                auth=HmacAuth(secret="s", ttl_seconds=3600),
            )
        ]
    )
    assert parse(b'{"servers": [{"urls": ["turn:h"], "auth": null}]}').servers[0].auth is None


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff", b'{"version": 2}', b'{"servers": [{"auth": {"type": "hmac", "secret": "hush", "ttlSeconds": 1}}]}'],
)
def test_an_invalid_directory_is_an_error_without_its_secrets(text: bytes) -> None:
    with pytest.raises(DirectoryError) as caught:
        parse(text)
    assert "hush" not in str(caught.value)
