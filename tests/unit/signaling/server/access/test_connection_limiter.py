"""Limits per client address, and verification of JWTs."""

from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from tests.unit.signaling.jwts import OTHER_SECRET, SECRET, secret_dir, token

from switchboard_signaling.server.access.connection_limiter import ClientAddress, ConnectionLimiter
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.admission import VerifiedJwt
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.errors import ProtocolError


class Entrance:
    """A limiter and its metrics."""

    def __init__(self, **settings: object) -> None:
        self.metrics = Metrics()
        self.limiter = ConnectionLimiter(ServerSettings(**settings), self.metrics)  # type: ignore[arg-type]

    def counted(self, line: str) -> bool:
        return f"switchboard_signaling_{line}" in self.metrics.text().decode().splitlines()


def test_an_address_above_the_rate_waits_and_is_counted() -> None:
    entrance = Entrance(connects_per_second=0.1)
    one, other = ClientAddress(entrance.limiter, "192.0.2.1"), ClientAddress(entrance.limiter, "192.0.2.2")
    assert one.wait() == 0
    assert 0 < one.wait() <= 10
    assert other.wait() == 0
    assert entrance.counted('limited_total{limit="connects"} 1.0')


def test_an_address_with_forged_tokens_is_refused_for_everything() -> None:
    entrance = Entrance(wrong_tokens=1)
    client = ClientAddress(entrance.limiter, "192.0.2.1")
    assert client.blocked() == 0
    client.suspect()
    assert client.blocked() > 1000
    assert client.wait() > 1000
    assert entrance.counted("forged_tokens_total 1.0")
    assert entrance.counted('limited_total{limit="tokens"} 2.0')


def test_the_address_is_that_of_the_client_behind_our_proxies() -> None:
    entrance = Entrance(connects_per_second=0.1, trusted_proxies="192.0.2.0/24")

    def address(client: str) -> ClientAddress:
        request = make_mocked_request("GET", "/ws", headers={"X-Forwarded-For": client})
        return entrance.limiter.client_address(request.clone(remote="192.0.2.9"))  # type: ignore[arg-type]

    assert address("203.0.113.1").wait() == 0
    assert address("203.0.113.2").wait() == 0
    assert address("203.0.113.1").wait() > 0


async def test_a_jwt_of_the_issuer_is_accepted_and_a_forged_one_counts_against_the_address(tmp_path: Path) -> None:
    secrets = secret_dir(tmp_path, one=SECRET)
    entrance = Entrance(auth_type="SharedSecret", auth_secret_dir=secrets, wrong_tokens=1)
    client = ClientAddress(entrance.limiter, "192.0.2.1")
    assert isinstance(await client.verify(token(SECRET)), VerifiedJwt)
    refused = await client.verify("no token")
    assert isinstance(refused, ProtocolError)
    assert client.blocked() == 0
    forged = await client.verify(token(OTHER_SECRET))
    assert isinstance(forged, ProtocolError)
    assert client.blocked() > 0
    assert entrance.counted('authenticated_total{result="ok"} 1.0')
    assert entrance.counted(f'authenticated_total{{result="{errors.AUTH_INVALID.code}"}} 2.0')


@pytest.mark.parametrize("shown", ["", "any"])
async def test_an_anonymous_pool_cannot_verify_jwts(shown: str) -> None:
    found = await ClientAddress(Entrance().limiter, "192.0.2.1").verify(shown)
    assert isinstance(found, ProtocolError)
    assert found.kind is errors.AUTH_UNAVAILABLE
