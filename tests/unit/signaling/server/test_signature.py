"""Signatures of webhooks."""

import base64

from switchboard_signaling.server.signature import headers

SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_the_specifications_own_example_is_signed_alike() -> None:
    """From the specification's repository (standard-webhooks/standard-webhooks, libraries' tests)."""
    signed = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY, [SECRET])
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_there_is_a_signature_for_each_secret_written_either_way() -> None:
    plain = base64.b64decode(SECRET.removeprefix(b"whsec_"))
    one, other = headers("e", 1, BODY, [SECRET, plain])["webhook-signature"].split(" ")
    assert one == other
    assert headers("e", 1, BODY, [b"another"])["webhook-signature"] != one
    assert headers("e", 2, BODY, [plain])["webhook-signature"] != one
