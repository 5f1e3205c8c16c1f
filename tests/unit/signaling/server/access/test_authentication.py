"""Verification of JWTs."""

import base64
import hmac
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.signaling.jwts import KEYS, OTHER_SECRET, SECRET, jwks, secret_dir, signed, token

from switchboard_crds.signaling_pool import AuthType
from switchboard_signaling.server.access.authentication import (
    LEEWAY_SECONDS,
    KeySource,
    SecretSource,
    Verifier,
    make_verifier,
)
from switchboard_signaling.server.access.jwks import Jwks
from switchboard_signaling.server.access.keys import SharedSecrets
from switchboard_signaling.session.admission import ForgedError, VerifiedJwt
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire.errors import ProtocolError


class Fixed:
    """Secrets without a folder."""

    algorithms: tuple[str, ...] = ("HS256",)

    async def run(self) -> None: ...

    async def keys(self, kid: str | None) -> Sequence[bytes]:
        return [OTHER_SECRET, SECRET]


def published(*kids: str) -> KeySource:
    async def fetch(_url: str) -> bytes:
        return jwks(*kids)

    return Jwks("https://issuer.example/keys", fetch)


async def refusal(given_token: str, source: KeySource | None = None, **expected: str | None) -> ProtocolError:
    verifier = Verifier(source or Fixed(), expected.get("issuer"), expected.get("audience"))
    with pytest.raises(ProtocolError) as caught:
        await verifier.verify(given_token)
    return caught.value


async def test_a_valid_jwt_yields_subject_and_expiry() -> None:
    exp = int(time.time()) + 60
    found = await Verifier(Fixed(), None, None).verify(token(exp=exp))
    assert (found.sub, found.exp) == ("ada", exp + LEEWAY_SECONDS)
    assert LEEWAY_SECONDS + 58 < found.seconds <= LEEWAY_SECONDS + 60


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_jwt_may_be_signed_with_any_kind_of_published_key(kid: str) -> None:
    assert (await Verifier(published("rsa", "ec", "ed"), None, None).verify(signed(kid))).sub == "ada"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1}, "auth-expired"),
        ({"exp": None}, "auth-invalid"),
        ({"exp": "soon"}, "auth-invalid"),
        ({"exp": float("inf")}, "auth-invalid"),
        ({"nbf": 2**40}, "auth-invalid"),
        ({"sub": None}, "auth-invalid"),
        ({"sub": ""}, "auth-invalid"),
        ({"sub": "a\nb"}, "auth-invalid"),
        ({"sub": "ü" * 128}, "auth-invalid"),
    ],
)
async def test_invalid_claims_are_refused(claims: dict[str, Any], code: str) -> None:
    error = await refusal(token(**claims))
    assert error.kind.code == code
    assert not isinstance(error, ForgedError)


async def test_a_small_clock_skew_is_tolerated() -> None:
    found = await Verifier(Fixed(), None, None).verify(token(exp=int(time.time()) - LEEWAY_SECONDS + 5))
    assert 0 < found.seconds <= 5


@pytest.mark.parametrize(
    ("expected", "claims", "accepted"),
    [
        ({"issuer": "https://i.example"}, {"iss": "https://i.example"}, True),
        ({"issuer": "https://i.example"}, {"iss": "https://j.example"}, False),
        ({"issuer": "https://i.example"}, {}, False),
        ({"audience": "calls"}, {"aud": "calls"}, True),
        ({"audience": "calls"}, {"aud": ["mail", "calls"]}, True),
        ({"audience": "calls"}, {"aud": "mail"}, False),
        ({"audience": "calls"}, {}, False),
        ({}, {"iss": "https://i.example", "aud": "mail"}, True),
    ],
)
async def test_issuer_and_audience_must_be_the_expected_ones(
    expected: dict[str, str], claims: dict[str, Any], accepted: bool
) -> None:
    verifier = Verifier(Fixed(), expected.get("issuer"), expected.get("audience"))
    if accepted:
        assert isinstance(await verifier.verify(token(**claims)), VerifiedJwt)
    else:
        assert (await refusal(token(**claims), **expected)).kind.code == "auth-invalid"


async def test_an_invalid_signature_is_distinguished_from_other_errors() -> None:
    assert isinstance(await refusal(token(b"not the secret of this pool, but long")), ForgedError)
    assert isinstance(await refusal(token(KEYS["ec"][0], "ES256", {"kid": "ec2"}), published("ec")), ProtocolError)
    stolen = signed("rsa").rpartition(".")[0]
    assert isinstance(await refusal(f"{stolen}.AAAA", published("rsa")), ForgedError)


def unsigned(header: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in (header, {"sub": "ada", "exp": 2**40})]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def confused(kid: str) -> str:
    public = KEYS[kid][0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed_part = unsigned({"alg": "HS256", "kid": kid}).removesuffix(".")
    tag = base64.urlsafe_b64encode(hmac.digest(public, signed_part.encode(), "sha256")).rstrip(b"=").decode()
    return f"{signed_part}.{tag}"


async def test_only_the_algorithms_of_the_source_are_accepted() -> None:
    attempts = [
        (unsigned({"alg": "none"}), None),
        (unsigned({"alg": "none", "kid": "rsa"}), published("rsa")),
        # The classic confusion: the public key, which everybody knows, as the secret of an HMAC.
        (confused("rsa"), published("rsa")),
        (signed("rsa", "RS512"), published("rsa")),
        (signed("rsa"), None),
        (signed("rsa", headers={"kid": "ec"}), published("rsa", "ec")),
        (token(SECRET * 2, "HS512"), None),
    ]
    for attempt, source in attempts:
        error = await refusal(attempt, source)
        assert error.kind.code == "auth-invalid", attempt
        assert not isinstance(error, ForgedError)


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_a_weak_key_is_not_used_even_if_the_issuer_publishes_it() -> None:
    assert "1024 bits" in (await refusal(signed("weak"), published("weak"))).detail


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
async def test_anything_but_a_jwt_is_invalid(text: str) -> None:
    assert (await refusal(text)).kind.code == "auth-invalid"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ).flatmap(
        lambda value: st.fixed_dictionaries(
            {"alg": st.sampled_from(["HS256", "RS256", "none"])},
            optional={"kid": st.just(value), "crit": st.just(value), "b64": st.just(value), "typ": st.just(value)},
        )
    ),
    st.sampled_from([None, "rsa"]),
)
async def test_a_malformed_header_is_invalid(header: dict[str, Any], kid: str | None) -> None:
    error = await refusal(unsigned(header), published(kid) if kid else None)
    assert error.kind.code in ("auth-invalid", "auth-unavailable")


async def test_a_header_nested_too_deeply_is_invalid() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 6000).rstrip(b"=").decode()
    assert (await refusal(f"{deep}.e30.AA")).kind.code == "auth-invalid"


async def test_secrets_are_rotated_without_refusing_valid_jwts(tmp_path: Path) -> None:
    folder = secret_dir(tmp_path / "auth", one=SECRET)
    verifier = Verifier(SecretSource(SharedSecrets(folder)), None, None)
    assert await verifier.verify(token())
    assert isinstance(await refusal(token(OTHER_SECRET), SecretSource(SharedSecrets(folder))), ForgedError)
    secret_dir(folder, two=OTHER_SECRET)
    assert await verifier.verify(token(OTHER_SECRET))
    assert await verifier.verify(token())
    (folder / "one").unlink()
    with pytest.raises(ForgedError):
        await verifier.verify(token())


async def test_the_settings_determine_the_source_of_keys(tmp_path: Path) -> None:
    shared = ServerSettings(auth_type=AuthType.SHARED_SECRET, auth_secret_dir=secret_dir(tmp_path / "auth"))
    assert (await make_verifier(shared).verify(token())).sub == "ada"
    remote = ServerSettings(auth_type=AuthType.JWKS, auth_jwks_url="http://127.0.0.1:1/keys", auth_issuer="i")
    with pytest.raises(ProtocolError, match="is not available"):
        await make_verifier(remote).verify(signed("rsa"))
