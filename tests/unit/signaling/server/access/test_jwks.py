"""The published keys of an issuer: cached, refreshed, and valid while it is down."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.unit.signaling.jwts import jwks

from switchboard_signaling.server.access import jwks as module
from switchboard_signaling.server.access.jwks import MAX_BYTES, REFRESH_SECONDS, RETRY_SECONDS, Jwks
from switchboard_signaling.wire.errors import ProtocolError


class Issuer:
    """A URL that returns `document`, or fails if it is None; counts its requests."""

    def __init__(self, document: bytes | None) -> None:
        self.document = document
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, _url: str) -> bytes:
        self.asked += 1
        await self.open.wait()
        if self.document is None:
            raise OSError("connection refused")
        return self.document


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


async def kids(keys: Jwks, kid: str | None) -> list[str | None] | str:
    """Return the ids of the keys found, or the code of the error."""
    try:
        return [key.key_id for key in await keys.keys(kid)]
    except ProtocolError as error:
        return error.kind.code


async def test_an_unknown_key_id_triggers_a_fetch_but_not_too_often(clock: Clock) -> None:
    issuer = Issuer(jwks("rsa"))
    keys = Jwks("url", issuer.fetch)
    assert await kids(keys, "rsa") == ["rsa"]
    assert await kids(keys, "rsa") == ["rsa"]
    assert issuer.asked == 1
    clock.now += 1
    assert await kids(keys, "unknown") == "auth-unavailable"  # it may just have been published
    assert issuer.asked == 1
    clock.now += RETRY_SECONDS
    assert await kids(keys, "unknown") == "auth-invalid"
    assert issuer.asked == 2


async def test_a_new_key_is_found_when_it_is_first_used(clock: Clock) -> None:
    issuer = Issuer(jwks("rsa"))
    keys = Jwks("url", issuer.fetch)
    await kids(keys, "rsa")
    issuer.document = jwks("rsa", "ec")
    clock.now += RETRY_SECONDS
    assert await kids(keys, "ec") == ["ec"]
    assert await kids(keys, "rsa") == ["rsa"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"{",
        b"[]",
        b'{"keys": []}',
        b'{"keys": 5}',
        b'{"keys": [{"kty": "oct", "k": "AA"}]}',
        b'{"keys": [{"kty": "RSA", "alg": []}]}',
        b"[" * 100_000,
    ],
)
async def test_the_previous_keys_stay_valid_while_the_fetch_fails(clock: Clock, answer: bytes | None) -> None:
    issuer = Issuer(jwks("rsa"))
    keys = Jwks("url", issuer.fetch)
    await kids(keys, "rsa")
    issuer.document = answer
    clock.now += RETRY_SECONDS
    assert await kids(keys, "ec") == "auth-unavailable"
    assert await kids(keys, "rsa") == ["rsa"]


async def test_without_any_keys_verification_is_unavailable(clock: Clock) -> None:
    issuer = Issuer(None)
    keys = Jwks("url", issuer.fetch)
    assert await kids(keys, "rsa") == "auth-unavailable"
    issuer.document = jwks("rsa")
    assert await kids(keys, "rsa") == "auth-unavailable"
    clock.now += RETRY_SECONDS
    assert await kids(keys, "rsa") == ["rsa"]


async def test_concurrent_callers_share_one_fetch() -> None:
    issuer = Issuer(jwks("rsa"))
    issuer.open.clear()
    keys = Jwks("url", issuer.fetch)
    waiting = [asyncio.create_task(kids(keys, "rsa")) for _ in range(20)]
    await asyncio.sleep(0)
    issuer.open.set()
    assert await asyncio.gather(*waiting) == [["rsa"]] * 20
    assert issuer.asked == 1


async def test_a_cancelled_caller_does_not_cancel_the_fetch() -> None:
    issuer = Issuer(jwks("rsa"))
    issuer.open.clear()
    keys = Jwks("url", issuer.fetch)
    first, second = (asyncio.create_task(kids(keys, "rsa")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    issuer.open.set()
    assert await second == ["rsa"]
    assert issuer.asked == 1


async def test_without_a_key_id_the_only_key_is_used(clock: Clock) -> None:
    assert await kids(Jwks("url", Issuer(jwks("rsa")).fetch), None) == ["rsa"]
    assert await kids(Jwks("url", Issuer(jwks("rsa", "ec")).fetch), None) == "auth-invalid"


async def test_keys_for_other_purposes_are_ignored(clock: Clock) -> None:
    for unfit in ({"use": "enc"}, {"alg": "RS512"}, {"alg": "PS256"}):
        assert await kids(Jwks("url", Issuer(jwks("rsa", **unfit)).fetch), "rsa") == "auth-unavailable"


async def test_the_keys_are_refreshed_periodically(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(None)
    keys = Jwks("url", issuer.fetch)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.now += seconds
        issuer.document = jwks("rsa")
        if len(pauses) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await keys.run()
    assert pauses == [RETRY_SECONDS, REFRESH_SECONDS, REFRESH_SECONDS]
    assert issuer.asked == 3


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    """An issuer's web site, with documents that are not keys."""
    app = web.Application()

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/keys")

    async def keys(_request: web.Request) -> web.Response:
        return web.Response(body=jwks("rsa"))

    async def huge(_request: web.Request) -> web.Response:
        return web.Response(body=b" " * (MAX_BYTES + 1))

    app.add_routes([web.get("/keys", keys), web.get("/moved", moved), web.get("/huge", huge)])
    async with TestServer(app) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/keys", ["rsa"]),
        ("/moved", "auth-unavailable"),
        ("/missing", "auth-unavailable"),
        ("/huge", "auth-unavailable"),
    ],
)
async def test_redirects_are_not_followed(site: TestServer, path: str, found: list[str] | str) -> None:
    assert await kids(Jwks(str(site.make_url(path))), "rsa") == found
