import hashlib
import hmac

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


def test_a_pools_certificate_is_the_same_each_time_and_no_other_pools() -> None:
    assert Keys(bytes(range(32))).internal_identity("a") == KEYS.internal_identity("a")
    assert KEYS.internal_identity("a").certificate != KEYS.internal_identity("b").certificate


def test_a_turn_secret_is_the_hmac_of_the_fleets_key_and_the_pools_uid() -> None:
    fleet = hmac.new(bytes(range(32)), b"turn/fleet/f", hashlib.sha256).digest()
    assert KEYS.turn_secret("f", "p") == hmac.new(fleet, b"p", hashlib.sha256).hexdigest()


def test_the_root_is_not_shown() -> None:
    assert "root" not in repr(KEYS)
