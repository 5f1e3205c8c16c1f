"""Every secret that the operator hands out, derived from one root key. Pure.

A Secret that is deleted by hand is therefore made again with the same content, and nothing needs to be read before it
can be written. Each purpose has a key of its own, so that none says anything about another.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from switchboard_operator.keys.certificate import Identity

KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """The root key and what is derived from it (HMAC-SHA256, in hexadecimal)."""

    root: bytes = field(repr=False)

    def token_key(self, pool_uid: str) -> str:
        """Return the key that a pool signs its tokens with."""
        return self._derive("pool/token", pool_uid)

    def internal_token(self, pool_uid: str) -> str:
        """Return the bearer token that a pool's pods take orders with."""
        return self._derive("pool/internal", pool_uid)

    def internal_identity(self, pool_uid: str) -> Identity:
        """Return the certificate and key of a pool's internal port."""
        return Identity.of(bytes.fromhex(self._derive("pool/internal-tls", pool_uid)))

    def turn_secret(self, fleet_uid: str, pool_uid: str) -> str:
        """Return the secret that a pool makes credentials for a fleet's servers with; no other pool shares it."""
        fleet_key = bytes.fromhex(self._derive("turn/fleet", fleet_uid))
        return hmac.new(fleet_key, pool_uid.encode(), hashlib.sha256).hexdigest()

    def turn_probe_secret(self, fleet_uid: str) -> str:
        """Return the secret that a fleet's agents probe their own servers with."""
        return self._derive("turn/probe", fleet_uid)

    def redis_password(self, user: str, cluster_uid: str) -> str:
        """Return the password of one of a cluster's users."""
        return self._derive(f"redis/{user}", cluster_uid)

    def _derive(self, purpose: str, uid: str) -> str:
        return hmac.new(self.root, f"{purpose}/{uid}".encode(), hashlib.sha256).hexdigest()
