"""Signatures of webhooks, as the Standard Webhooks specification has them (standardwebhooks.com, 1.0). Pure.

The specification's own library signs. It accepts any text as a secret, so secrets are checked here.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = b"whsec_"
"""Begins a secret that is written as base64, as the specification's libraries make them."""
MIN_KEY_BYTES: Final = 24
"""The shortest key that the specification allows."""


def key_of(secret: bytes) -> bytes:
    """Return the key that a secret stands for: what follows `whsec_` as base64, padded or not, or the secret itself.

    Raises ValueError with the reason and the remedy, never with the secret.
    """
    if not secret.startswith(PREFIX):
        return secret
    text = b"".join(secret.removeprefix(PREFIX).split()).rstrip(b"=")
    try:
        key = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        reason = "is not base64 after whsec_"
    else:
        if len(key) >= MIN_KEY_BYTES:
            return key
        reason = f"is shorter than {MIN_KEY_BYTES} bytes after whsec_"
    raise ValueError(f"{reason}. Remedy: write whsec_ and the output of `openssl rand -base64 32`")


def headers(event_id: str, timestamp: int, body: str, keys: Iterable[bytes]) -> dict[str, str]:
    """Return the headers of a webhook: its id, when it is sent (seconds since the epoch), one signature per key.

    The receiver accepts any signature of a key that it knows, so that secrets are replaced without a gap; an old
    timestamp tells a replayed request; the id tells a repeated one.
    """
    at = datetime.fromtimestamp(timestamp, UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(Webhook(key).sign(event_id, at, body) for key in keys),
    }
