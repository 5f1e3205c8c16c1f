"""Every secret that the operator hands out, derived from one root key. Pure.

A Secret that is deleted by hand is therefore made again with the same content, and nothing needs to be read before it
can be written. Each purpose has a key of its own, so that none says anything about another.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from switchboard_operator.keys.certificate import ServerCertificate

KEY_BYTES: Final = 32
"""Length of the root key and of each derived key."""


@dataclass(frozen=True)
class Keys:
    """The root key and what is derived from it (HKDF-Expand with SHA-256, RFC 5869), in hexadecimal.

    HKDF's extraction is left out: the root key is uniformly random already (RFC 5869, section 3.3).
    """

    root: bytes = field(repr=False)

    def token_key(self, pool_uid: str) -> str:
        """Return the key that a pool signs its tokens with."""
        return self._derive("pool/token", pool_uid).hex()

    def internal_token(self, pool_uid: str) -> str:
        """Return the bearer token of a pool's internal API."""
        return self._derive("pool/internal", pool_uid).hex()

    def internal_certificate(self, pool_uid: str) -> ServerCertificate:
        """Return the certificate and key of a pool's internal port."""
        return ServerCertificate.of(self._derive("pool/internal-tls", pool_uid))

    def turn_secret(self, fleet_uid: str, pool_uid: str) -> str:
        """Return the secret that a pool makes credentials for a fleet's servers with; no other pool shares it."""
        return self._derive("turn/pool", fleet_uid, pool_uid).hex()

    def turn_probe_secret(self, fleet_uid: str) -> str:
        """Return the secret that a fleet's agents probe their own servers with."""
        return self._derive("turn/probe", fleet_uid).hex()

    def redis_password(self, user: str, cluster_uid: str) -> str:
        """Return the password of one of a cluster's users."""
        return self._derive("redis", user, cluster_uid).hex()

    def _derive(self, *purpose: str) -> bytes:
        """Return the key for a purpose; names and uids contain no `/`, so that no two purposes share a label."""
        return HKDFExpand(SHA256(), KEY_BYTES, "/".join(("switchboard", *purpose)).encode()).derive(self.root)
