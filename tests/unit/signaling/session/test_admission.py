"""Admission of a socket's client."""

import pytest
from tests.unit.signaling.world import World

from switchboard_signaling.session.admission import (
    ASK_AGAIN_SECONDS,
    Admission,
    AdmissionVerdict,
    Admitted,
    Expiring,
    Refused,
    Renewed,
    Unverified,
    VerifiedJwt,
)
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.intents import Idle
from switchboard_signaling.wire.messages import Hello, Resume
from switchboard_signaling.wire.tokens import SessionClaims

ADA = VerifiedJwt("ada", exp=1300, seconds=300)


@pytest.fixture
def world() -> World:
    world = World()
    world.auth_required = True
    return world


@pytest.fixture
def admission(world: World) -> Admission:
    """An admission whose client was admitted as ada for 300 s from 1000 on."""
    admission = Admission(world.host("pod"))
    admission.greeted(hello("jwt"))
    admission.verified(ADA, 1000)
    return admission


def hello(auth: str | None = None) -> Hello:
    return Hello(socket_number=1, instance="i", auth=auth)


def resume(token: str, auth: str | None = None) -> Resume:
    return Resume(token=token, socket_number=2, instance="i", intent=Idle(), auth=auth)


def refusal(verdict: AdmissionVerdict | None) -> tuple[str, str | None]:
    """Return the code of a rejection, and the reason of the close code, if any."""
    assert isinstance(verdict, Refused)
    return verdict.error.kind.code, verdict.close.reason if verdict.close else None


def test_without_authentication_a_hello_is_enough(world: World) -> None:
    world.auth_required = False
    admission = Admission(world.host("pod"))
    assert admission.greeted(hello("whatever")) == Admitted(admission.claims)
    assert admission.claims.sub == admission.claims.session_id
    assert admission.claims.auth_exp is None
    assert admission.renew("whatever") is None
    assert admission.due(1e9) is None


def test_a_hello_is_admitted_once_its_jwt_is_verified(world: World) -> None:
    admission = Admission(world.host("pod"))
    assert admission.greeted(hello("jwt")) == Unverified("jwt")
    assert admission.claims.session_id == ""
    assert admission.verified(ADA, 1000) == Admitted(admission.claims)
    assert admission.claims.session_id
    assert (admission.claims.sub, admission.claims.auth_exp) == ("ada", 1300)
    assert world.keyring.verify(admission.token(), SessionClaims) == admission.claims


def test_without_a_jwt_no_client_is_admitted(world: World) -> None:
    token = world.keyring.sign(SessionClaims("sid", "ada"))
    for greeting in (hello(), resume(token)):
        admission = Admission(world.host("pod"))
        assert refusal(admission.greeted(greeting)) == ("auth-required", "auth-required")
        assert admission.claims.session_id == ""


@pytest.mark.parametrize("kind", [errors.AUTH_INVALID, errors.AUTH_EXPIRED, errors.AUTH_UNAVAILABLE])
def test_a_rejected_jwt_closes_a_new_socket(world: World, kind: errors.ErrorKind) -> None:
    admission = Admission(world.host("pod"))
    admission.greeted(hello("jwt"))
    assert refusal(admission.verified(kind.because("why"), 1000)) == (kind.code, kind.code)
    assert admission.claims.session_id == ""


def test_a_resume_needs_a_session_token_of_the_jwts_own_subject(world: World) -> None:
    for sub, admitted in (("ada", True), ("eve", False)):
        admission = Admission(world.host("pod"))
        admission.greeted(resume(world.keyring.sign(SessionClaims("sid", sub, 1100)), "jwt"))
        verdict = admission.verified(ADA, 1000)
        if admitted:
            assert verdict == Admitted(SessionClaims("sid", "ada", 1300))
        else:
            assert refusal(verdict) == ("session-unknown", "session-unknown")
    assert admission.claims.session_id == ""


def test_a_resumed_session_lasts_as_long_as_the_new_jwt(world: World) -> None:
    admission = Admission(world.host("pod"))
    admission.greeted(resume(world.keyring.sign(SessionClaims("sid", "ada", 1100)), "jwt"))
    admission.verified(ADA, 1000)
    assert admission.claims == SessionClaims("sid", "ada", 1300)


def test_a_forged_session_token_is_suspicious_and_an_old_one_is_not(world: World) -> None:
    world.auth_required = False
    token = world.keyring.sign(SessionClaims("sid", "sid"))
    for shown, suspicious in ((token[:-2] + "AA", True), ("a.b.c", False)):
        verdict = Admission(world.host("pod")).greeted(resume(shown))
        assert refusal(verdict) == ("session-unknown", "session-unknown")
        assert isinstance(verdict, Refused)
        assert verdict.forged is suspicious


def test_a_client_is_asked_for_a_fresh_jwt_a_minute_before_expiry_and_again(admission: Admission) -> None:
    assert admission.due(1239) is None
    assert admission.due(1240) == Expiring(60_000)
    assert admission.due(1240 + ASK_AGAIN_SECONDS - 1) is None
    assert admission.due(1240 + ASK_AGAIN_SECONDS) == Expiring(50_000)


def test_a_fresh_jwt_postpones_the_expiry_and_renews_the_session_token(world: World, admission: Admission) -> None:
    admission.due(1240)
    assert admission.renew("fresh") == Unverified("fresh")
    verdict = admission.verified(VerifiedJwt("ada", exp=1600, seconds=360), 1240)
    assert isinstance(verdict, Renewed)
    claims = world.keyring.verify(verdict.token, SessionClaims)
    assert claims == admission.claims == SessionClaims(admission.claims.session_id, "ada", 1600)
    assert admission.due(1400) is None
    assert admission.due(1540) == Expiring(60_000)


def test_one_jwt_is_verified_at_a_time(admission: Admission) -> None:
    assert admission.renew("one") == Unverified("one")
    assert admission.renew("two") is None
    admission.verified(ADA, 1000)
    assert admission.renew("three") == Unverified("three")


@pytest.mark.parametrize(
    "found", [VerifiedJwt("eve", 9999, 9999), errors.AUTH_INVALID.because("why"), errors.AUTH_EXPIRED.because("why")]
)
def test_a_rejected_fresh_jwt_is_answered_and_the_socket_stays_until_the_old_one_expires(
    admission: Admission, found: VerifiedJwt | errors.ProtocolError
) -> None:
    before = admission.claims
    admission.renew("fresh")
    code = found.kind.code if isinstance(found, errors.ProtocolError) else "auth-invalid"
    assert refusal(admission.verified(found, 1240)) == (code, None)
    assert admission.claims == before
    assert isinstance(admission.due(1299), Expiring)
    assert refusal(admission.due(1300)) == ("auth-expired", "auth-expired")
