"""Tokens that clients keep for the server."""

import pytest

from switchboard_signaling.wire.tokens import (
    SESSION_SECONDS,
    Keyring,
    MatchClaims,
    QueueClaims,
    SessionClaims,
)

OLD, NEW = b"old key of 16 bytes or more", b"new key of 16 bytes or more"
SESSION = SessionClaims("sid", "sub")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_verifies_until_it_expires() -> None:
    clock = Clock()
    ring = Keyring({"current": NEW}, clock)
    token = ring.sign(SESSION)
    assert ring.verify(token, SessionClaims) == SESSION
    clock.now += SESSION_SECONDS - 1
    assert ring.verify(token, SessionClaims) == SESSION
    clock.now += 1
    assert ring.verify(token, SessionClaims) is None


def test_a_token_of_one_kind_is_never_valid_as_another() -> None:
    ring = Keyring({"current": NEW}, Clock())
    assert ring.verify(ring.sign(QueueClaims("sid", "t", 1)), SessionClaims) is None
    assert ring.verify(ring.sign(SESSION), MatchClaims) is None


@pytest.mark.parametrize("token", [None, "", "a", "a.b", "a.b.c", "ü.ü.ü"])
def test_malformed_tokens_are_rejected(token: str | None) -> None:
    assert Keyring({"current": NEW}, Clock()).verify(token, SessionClaims) is None


def test_a_session_token_expires_with_the_jwt_behind_it() -> None:
    clock = Clock()
    ring = Keyring({"current": NEW}, clock)
    soon, late = (SessionClaims("sid", "sub", int(clock.now) + seconds) for seconds in (30, 10_000))
    tokens = [ring.sign(soon), ring.sign(late)]
    clock.now += 29
    assert [ring.verify(token, SessionClaims) for token in tokens] == [soon, late]
    clock.now += 1
    assert [ring.verify(token, SessionClaims) for token in tokens] == [None, late]
    clock.now += SESSION_SECONDS - 30
    assert ring.verify(tokens[1], SessionClaims) is None


def test_a_forged_token_differs_from_one_that_was_valid_once() -> None:
    clock = Clock()
    ring = Keyring({"current": NEW}, clock)
    token = ring.sign(SESSION)
    assert ring.forged(f"{token[:-2]}AA")
    assert ring.forged(token.replace(".", ".A", 1))
    assert not ring.forged(token)
    assert not ring.forged("")
    assert not ring.forged(Keyring({"current": OLD}, clock).sign(SESSION))
    clock.now += SESSION_SECONDS
    assert not ring.forged(token)


def test_a_changed_token_is_rejected() -> None:
    ring = Keyring({"current": NEW}, Clock())
    key_id, body, tag = ring.sign(SESSION).split(".")
    for forged in (f"{key_id}.{body}A.{tag}", f"{key_id}.{body}.{tag[:-2]}AA", f"{key_id}.{body}.ü", f"x.{body}.{tag}"):
        assert ring.verify(forged, SessionClaims) is None


def test_a_key_rotation_rejects_no_valid_token() -> None:
    clock = Clock()
    before = Keyring({"current": OLD}, clock)
    announced = Keyring({"current": OLD, "next": NEW}, clock)
    switched = Keyring({"current": NEW, "previous": OLD}, clock)
    after = Keyring({"current": NEW}, clock)
    for ring in (before, announced, switched):
        assert all(other.verify(ring.sign(SESSION), SessionClaims) for other in (announced, switched))
    assert before.verify(announced.sign(SESSION), SessionClaims) == SESSION
    assert after.verify(switched.sign(SESSION), SessionClaims) == SESSION
    assert after.verify(before.sign(SESSION), SessionClaims) is None


def test_without_a_key_named_current_the_first_by_name_signs() -> None:
    assert Keyring({"b": NEW, "a": OLD}, Clock()).sign(SESSION) == Keyring({"a": OLD}, Clock()).sign(SESSION)


@pytest.mark.parametrize("keys", [{}, {"current": b"short"}])
def test_a_ring_needs_good_keys(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Keyring(keys, Clock())
