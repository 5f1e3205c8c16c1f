import hashlib
import hmac

import pytest

from switchboard_operator.keys.derived import Keys

KEYS = Keys(bytes(range(32)))


def test_every_purpose_and_resource_has_a_secret_of_its_own() -> None:
    secrets = [
        KEYS.token_key("a"),
        KEYS.token_key("b"),
        KEYS.internal_token("a"),
        KEYS.turn_secret("fleet", "a"),
        KEYS.turn_secret("fleet", "b"),
        KEYS.turn_secret("other", "a"),
        KEYS.turn_probe_secret("fleet"),
        KEYS.redis_password("operator", "a"),
        KEYS.redis_password("switchboard", "a"),
    ]
    assert len(set(secrets)) == len(secrets)
    assert all(len(bytes.fromhex(secret)) == 32 for secret in secrets)


def test_the_same_root_gives_the_same_secrets() -> None:
    assert Keys(bytes(range(32))).token_key("a") == KEYS.token_key("a") != Keys(bytes(32)).token_key("a")


def test_a_pools_certificate_is_stable_and_unique() -> None:
    assert Keys(bytes(range(32))).internal_certificate("a") == KEYS.internal_certificate("a")
    assert KEYS.internal_certificate("a").certificate != KEYS.internal_certificate("b").certificate


@pytest.mark.parametrize(
    ("secret", "purpose"),
    [
        (KEYS.token_key("p"), b"pool/token/p"),
        (KEYS.internal_token("p"), b"pool/internal/p"),
        (KEYS.turn_secret("f", "p"), b"turn/pool/f/p"),
        (KEYS.turn_probe_secret("f"), b"turn/probe/f"),
        (KEYS.redis_password("operator", "c"), b"redis/operator/c"),
    ],
)
def test_a_secret_is_the_first_block_of_hkdf_expand(secret: str, purpose: bytes) -> None:
    """RFC 5869, section 2.3: T(1) = HMAC-Hash(PRK, info | 0x01)."""
    assert secret == hmac.new(bytes(range(32)), b"switchboard/" + purpose + b"\x01", hashlib.sha256).hexdigest()


def test_the_root_key_is_not_printed() -> None:
    assert "root" not in repr(KEYS)
