"""Signatures of webhooks."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from switchboard_signaling.server.telemetry.signature import headers, key_of

SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"test": 2432232314}'


def test_the_specifications_example_has_the_same_signature() -> None:
    """From the specification's repository (standard-webhooks/standard-webhooks, libraries' tests)."""
    signed = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY, [key_of(SECRET)])
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_there_is_one_signature_per_secret_in_either_format() -> None:
    plain = base64.b64decode(SECRET.removeprefix(b"whsec_"))
    one, other = headers("e", 1, BODY, [key_of(SECRET), key_of(plain)])["webhook-signature"].split(" ")
    assert one == other
    assert headers("e", 1, BODY, [b"another"])["webhook-signature"] != one
    assert headers("e", 2, BODY, [plain])["webhook-signature"] != one


def test_the_specification_s_library_accepts_a_signature_with_either_of_two_secrets() -> None:
    body = '{"name": "Zoë"}'
    signed = headers("e", int(time.time()), body, [key_of(SECRET), b"another secret of the pool's app"])
    Webhook(SECRET.decode()).verify(body.encode(), signed)
    Webhook(b"another secret of the pool's app").verify(body.encode(), signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(b"nobody's secret").verify(body.encode(), signed)


KEY = bytes(range(200, 232))
PADDED = base64.b64encode(KEY)


@pytest.mark.parametrize(
    "text",
    [PADDED, PADDED.rstrip(b"="), PADDED + b"==", PADDED[:20] + b"\n" + PADDED[20:], b" " + PADDED],
    ids=["padded", "unpadded", "padded too much", "wrapped", "spaced"],
)
def test_base64_is_decoded_with_any_padding_and_wrapping(text: bytes) -> None:
    assert key_of(b"whsec_" + text) == KEY


@pytest.mark.parametrize("length", range(24, 65))
def test_keys_of_all_lengths_need_no_padding(length: int) -> None:
    key = bytes(range(length))
    assert key_of(b"whsec_" + base64.b64encode(key).rstrip(b"=")) == key


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PADDED[:33], "is not base64"),
        (b"-_" + PADDED[2:], "is not base64"),
        (b"*" + PADDED[1:], "is not base64"),
        (PADDED[:8] + b"=" + PADDED[9:], "is not base64"),
        ("\N{POUND SIGN}".encode() * 22, "is not base64"),
        (b"=" * 32, "shorter than 24 bytes"),
        (base64.b64encode(KEY[:23]), "shorter than 24 bytes"),
    ],
)
def test_a_malformed_secret_is_refused_with_a_remedy_and_not_quoted(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        key_of(b"whsec_" + text)
    assert "Remedy: write whsec_ and the output of `openssl rand -base64 32`" in str(caught.value)
    assert text.decode() not in str(caught.value)


def test_any_other_secret_is_its_own_key() -> None:
    assert key_of(b"not base64, and no prefix whsec_") == b"not base64, and no prefix whsec_"
