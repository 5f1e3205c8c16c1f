"""All secrets of the operator, derived from one root key. Pure.

A deleted Secret is therefore created again with the same content, and no Secret has to be read before it is written.
Each purpose has its own key, so that none reveals anything about another.
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
    """The root key and the secrets derived from it (HKDF-Expand with SHA-256, RFC 5869), in hexadecimal.

    HKDF-Extract is skipped, because the root key is uniformly random (RFC 5869, section 3.3).
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
        """Return the secret with which a pool issues credentials for a fleet's servers; each pool has its own."""
        return self._derive("turn/pool", fleet_uid, pool_uid).hex()

    def turn_probe_secret(self, fleet_uid: str) -> str:
        """Return the secret with which a fleet's agents probe their servers."""
        return self._derive("turn/probe", fleet_uid).hex()

    def redis_password(self, user: str, cluster_uid: str) -> str:
        """Return the password of a user of a cluster."""
        return self._derive("redis", user, cluster_uid).hex()

    def _derive(self, *purpose: str) -> bytes:
        """Return the key for a purpose; its parts contain no `/`, so that no two purposes have the same label."""
        return HKDFExpand(SHA256(), KEY_BYTES, "/".join(("switchboard", *purpose)).encode()).derive(self.root)
