"""Who a socket's client is, and until when."""

import pytest
from tests.unit.signaling.world import World

from switchboard_signaling.session.admission import ASK_AGAIN_SECONDS, Admission, Identity
from switchboard_signaling.session.effects import Close, Effect, Send, Suspect, Verify
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.messages import AuthExpiring, ErrorFrame, Hello, Idle, Ping, Resume
from switchboard_signaling.wire.tokens import SessionClaims

ADA = Identity("ada", exp=1300, seconds=300)


@pytest.fixture
def world() -> World:
    world = World()
    world.auth_required = True
    return world


@pytest.fixture
def admission(world: World) -> Admission:
    """One whose client has been admitted as ada, for 300 s from 1000 on."""
    admission = Admission(world.host("pod"))
    admission.greeted(hello("jwt"))
    admission.verified(ADA, 1000)
    return admission


def hello(auth: str | None = None) -> Hello:
    return Hello(n=1, inst="i", auth=auth)


def resume(token: str, auth: str | None = None) -> Resume:
    return Resume(token=token, n=2, inst="i", want=Idle(), auth=auth)


def said(effects: list[Effect]) -> list[str]:
    """Return the codes of the errors that are sent, and the reason of a close."""
    codes = [
        effect.frame.code for effect in effects if isinstance(effect, Send) and isinstance(effect.frame, ErrorFrame)
    ]
    return codes + [f"close {effect.code.reason}" for effect in effects if isinstance(effect, Close)]


def test_where_anybody_may_connect_a_hello_is_enough(world: World) -> None:
    world.auth_required = False
    admission = Admission(world.host("pod"))
    assert admission.greeted(hello("whatever")) == []
    assert admission.admitted
    assert admission.claims.sub == admission.claims.sid
    assert admission.claims.auth_exp is None
    assert admission.renew("whatever") == []
    assert admission.due(1e9) == []


def test_a_hello_is_admitted_once_its_jwt_is_verified(world: World) -> None:
    admission = Admission(world.host("pod"))
    assert admission.greeted(hello("jwt")) == [Verify("jwt")]
    assert not admission.admitted
    assert admission.verified(ADA, 1000) == []
    assert admission.admitted
    assert (admission.claims.sub, admission.claims.auth_exp) == ("ada", 1300)
    assert world.keyring.verify(admission.token(), SessionClaims) == admission.claims


def test_without_a_jwt_nobody_is_admitted(world: World) -> None:
    token = world.keyring.sign(SessionClaims("sid", "ada"))
    for greeting in (hello(), resume(token)):
        admission = Admission(world.host("pod"))
        assert said(admission.greeted(greeting)) == ["auth-required", "close auth-required"]
        assert not admission.admitted


@pytest.mark.parametrize("kind", [errors.AUTH_INVALID, errors.AUTH_EXPIRED, errors.AUTH_UNAVAILABLE])
def test_a_jwt_that_is_not_accepted_closes_a_new_socket(world: World, kind: errors.ErrorKind) -> None:
    admission = Admission(world.host("pod"))
    admission.greeted(hello("jwt"))
    assert said(admission.verified(kind.because("why"), 1000)) == [kind.code, f"close {kind.code}"]
    assert not admission.admitted


def test_a_resume_needs_a_session_token_of_the_jwts_own_subject(world: World) -> None:
    for sub, admitted in (("ada", True), ("eve", False)):
        admission = Admission(world.host("pod"))
        admission.greeted(resume(world.keyring.sign(SessionClaims("sid", sub, 1100)), "jwt"))
        refused = said(admission.verified(ADA, 1000))
        assert admission.admitted is admitted
        assert refused == ([] if admitted else ["session-unknown", "close session-unknown"])
    assert admission.claims.sid == ""


def test_a_resumed_session_lasts_as_long_as_the_new_jwt(world: World) -> None:
    admission = Admission(world.host("pod"))
    admission.greeted(resume(world.keyring.sign(SessionClaims("sid", "ada", 1100)), "jwt"))
    admission.verified(ADA, 1000)
    assert admission.claims == SessionClaims("sid", "ada", 1300)


def test_a_made_up_session_token_is_suspicious_and_an_old_one_is_not(world: World) -> None:
    world.auth_required = False
    token = world.keyring.sign(SessionClaims("sid", "sid"))
    for shown, suspicious in ((token[:-2] + "AA", True), ("a.b.c", False)):
        effects = Admission(world.host("pod")).greeted(resume(shown))
        assert said(effects) == ["session-unknown", "close session-unknown"]
        assert (Suspect() in effects) is suspicious


def test_a_client_is_asked_for_a_fresh_jwt_a_minute_ahead_and_again(admission: Admission) -> None:
    assert admission.due(1239) == []
    assert admission.due(1240) == [Send(AuthExpiring(ttl_ms=60_000))]
    assert admission.due(1240 + ASK_AGAIN_SECONDS - 1) == []
    assert admission.due(1240 + ASK_AGAIN_SECONDS) == [Send(AuthExpiring(ttl_ms=50_000))]


def test_a_fresh_jwt_moves_the_end_and_brings_a_new_session_token(world: World, admission: Admission) -> None:
    admission.due(1240)
    assert admission.renew("fresh") == [Verify("fresh")]
    [effect] = admission.verified(Identity("ada", exp=1600, seconds=360), 1240)
    assert isinstance(effect, Send)
    assert isinstance(effect.frame, Ping)
    claims = world.keyring.verify(effect.frame.token, SessionClaims)
    assert claims == admission.claims == SessionClaims(admission.claims.sid, "ada", 1600)
    assert admission.due(1400) == []
    assert admission.due(1540) == [Send(AuthExpiring(ttl_ms=60_000))]


def test_one_jwt_is_verified_at_a_time(admission: Admission) -> None:
    assert admission.renew("one") == [Verify("one")]
    assert admission.renew("two") == []
    admission.verified(ADA, 1000)
    assert admission.renew("three") == [Verify("three")]


@pytest.mark.parametrize(
    "found", [Identity("eve", 9999, 9999), errors.AUTH_INVALID.because("why"), errors.AUTH_EXPIRED.because("why")]
)
def test_a_wrong_fresh_jwt_is_answered_and_the_socket_stays_until_the_old_one_ends(
    admission: Admission, found: Identity | errors.ProtocolError
) -> None:
    before = admission.claims
    admission.renew("fresh")
    [code] = said(admission.verified(found, 1240))
    assert code == (found.kind.code if isinstance(found, errors.ProtocolError) else "auth-invalid")
    assert admission.claims == before
    assert said(admission.due(1299)) == []
    assert said(admission.due(1300)) == ["auth-expired", "close auth-expired"]
