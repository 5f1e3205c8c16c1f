"""Signatures of webhooks, as the Standard Webhooks specification has them (standardwebhooks.com, 1.0). Pure."""

import base64
import hmac
from collections.abc import Iterable
from typing import Final

PREFIX: Final = b"whsec_"
"""Begins a secret that is written as base64, as the specification's libraries make them."""


def headers(event_id: str, timestamp: int, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """Return the headers of a webhook: its id, when it is sent (seconds since the epoch), a signature for each secret.

    The receiver accepts any signature of a secret that it knows, so that secrets are replaced without a gap; an old
    timestamp tells a replayed request; the id tells a repeated one.
    """
    signed = b".".join([event_id.encode(), str(timestamp).encode(), body])
    signatures = [base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: bytes) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret
