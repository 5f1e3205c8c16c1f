"""A client's side of an allocation."""

import itertools

import pytest
from tests.unit.turn.server import REALM, RELAYED, grant, refusal

from switchboard_turn import allocation, stun
from switchboard_turn.allocation import Allocation, ProbeError, TurnCredentials
from switchboard_turn.stun import Attribute, Class, Message, Method

USER = TurnCredentials("user", "password")


@pytest.fixture
def attempt() -> Allocation:
    numbers = itertools.count()
    return Allocation(USER, lambda: next(numbers).to_bytes(12, "big"))


def asked(attempt: Allocation) -> Message:
    return stun.decode(attempt.request)


def challenge(attempt: Allocation) -> None:
    assert attempt.receive(refusal(asked(attempt), 401))


def test_the_first_request_asks_for_a_relay_over_udp_and_without_credentials(attempt: Allocation) -> None:
    request = asked(attempt)
    assert (request.method, request.kind) == (Method.ALLOCATE, Class.REQUEST)
    assert request.attributes == ((Attribute.REQUESTED_TRANSPORT, b"\x11\x00\x00\x00"),)


def test_a_challenge_is_answered_with_signed_credentials(attempt: Allocation) -> None:
    challenge(attempt)
    request = asked(attempt)
    assert request.get(Attribute.USERNAME) == b"user"
    assert (request.get(Attribute.REALM), request.get(Attribute.NONCE)) == (REALM, b"nonce")
    assert stun.verify(attempt.request, stun.long_term_key("user", "switchboard", "password"))


def test_a_grant_ends_it_and_can_be_released(attempt: Allocation) -> None:
    challenge(attempt)
    assert attempt.receive(grant(asked(attempt), USER))
    assert attempt.relayed == RELAYED
    released = stun.decode(attempt.release())
    assert released.method == Method.REFRESH
    assert released.get(Attribute.LIFETIME) == bytes(4)


def test_a_nonce_that_went_stale_is_replaced_once(attempt: Allocation) -> None:
    challenge(attempt)
    assert attempt.receive(refusal(asked(attempt), 438, nonce=b"fresh"))
    assert asked(attempt).get(Attribute.NONCE) == b"fresh"
    with pytest.raises(ProbeError) as caught:
        attempt.receive(refusal(asked(attempt), 438, nonce=b"again"))
    assert caught.value.code == "438"


@pytest.mark.parametrize("number", [400, 403, 437, 486, 508])
def test_a_refusal_is_reported_by_its_number(attempt: Allocation, number: int) -> None:
    challenge(attempt)
    with pytest.raises(ProbeError, match=f"the server refuses: {number} No") as caught:
        attempt.receive(refusal(asked(attempt), number))
    assert caught.value.code == str(number)


def test_wrong_credentials_are_not_tried_again(attempt: Allocation) -> None:
    challenge(attempt)
    with pytest.raises(ProbeError, match="401"):
        attempt.receive(refusal(asked(attempt), 401))


def test_a_refusal_without_a_challenge_ends_it(attempt: Allocation) -> None:
    with pytest.raises(ProbeError, match="401"):
        attempt.receive(refusal(asked(attempt), 401, nonce=None))


def test_what_is_not_an_answer_is_ignored(attempt: Allocation) -> None:
    before = attempt.request
    assert not attempt.receive(grant(asked(attempt), USER)), "a grant without a signature"
    challenge(attempt)
    request = asked(attempt)
    forged = grant(request, TurnCredentials("user", "guess"))
    late = grant(stun.decode(before), USER)
    key = stun.long_term_key("user", "switchboard", "password")
    empty = stun.encode(Message(Method.ALLOCATE, Class.SUCCESS, request.transaction), key)
    echo = attempt.request
    cut = stun.encode(Message(Method.ALLOCATE, Class.ERROR, request.transaction))
    bad_fingerprint = stun.encode(
        Message(Method.ALLOCATE, Class.ERROR, request.transaction, ((Attribute.FINGERPRINT, bytes(4)),))
    )
    for data in (forged, late, empty, echo, cut, bad_fingerprint, b"noise"):
        assert not attempt.receive(data)
    assert attempt.relayed is None
    assert attempt.receive(grant(request, USER)), "and the answer still counts"


def test_time_limited_credentials_follow_the_draft() -> None:
    # HMAC-SHA1 of "1433895918:gnd" with the key "secret", computed by openssl.
    assert allocation.time_limited("secret", "gnd", 1433895918) == TurnCredentials(
        "1433895918:gnd", "himmcXZtxAfE1b9LZmWYTvBZr0E="
    )


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("turn:example.org", ("example.org", 3478)),
        ("turn:example.org:80", ("example.org", 80)),
        ("turn:192.0.2.1:3478?transport=udp", ("192.0.2.1", 3478)),
        ("turn:[2001:db8::1]", ("2001:db8::1", 3478)),
        ("turn:[2001:db8::1]:80", ("2001:db8::1", 80)),
    ],
)
def test_a_url_names_host_and_port(url: str, address: stun.Address) -> None:
    assert allocation.parse_url(url) == address


@pytest.mark.parametrize(
    "url", ["turns:example.org", "turn:example.org?transport=tcp", "turn:", "turn:a:b", "turn:a:0", "turn:a:65536", "a"]
)
def test_a_url_that_cannot_be_probed_is_refused(url: str) -> None:
    with pytest.raises(ProbeError) as caught:
        allocation.parse_url(url)
    assert caught.value.code == "unsupported-url"
