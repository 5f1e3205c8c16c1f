"""Signatures of webhooks, as the Standard Webhooks specification has them (standardwebhooks.com, 1.0). Pure.

The specification's own library signs. It accepts any text as a secret, so this module validates them.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = b"whsec_"
"""Prefix of a secret in base64, as the specification's libraries generate them."""
MIN_KEY_BYTES: Final = 24
"""Minimum length of a key (Standard Webhooks 1.0)."""


def key_of(secret: bytes) -> bytes:
    """Return the key of a secret: the base64 after `whsec_`, padded or not, or the secret itself.

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
    """Return the headers of a webhook: its id, its timestamp (seconds since the epoch) and one signature per key.

    A receiver accepts the signature of any key that it knows, so that secrets can be rotated. It recognizes replays by
    an old timestamp, and repeated deliveries by the id.
    """
    at = datetime.fromtimestamp(timestamp, UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(Webhook(key).sign(event_id, at, body) for key in keys),
    }
