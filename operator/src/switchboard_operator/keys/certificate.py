"""The server certificate of a pool's internal port, by which clients know that a pod is the pool's. Pure.

One key and certificate per pool, derived from the root key alone: the same bytes each time, so that nothing has to be
stored, read first or renewed, and a new root key brings new ones. Only the operator and the pool's Secret have the key.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from switchboard_crds import names

FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""No well-defined end (RFC 5280, section 4.1.2.5): clients pin this certificate; its name is not what they trust."""


@dataclass(frozen=True)
class ServerCertificate:
    """A self-signed certificate and its private key; both PEM."""

    certificate: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, seed: bytes) -> Self:
        """Derive both from 32 secret bytes: Ed25519 keys and signatures (RFC 8032) are deterministic."""
        key = Ed25519PrivateKey.from_private_bytes(seed)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.INTERNAL_TLS_NAME)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(FROM)
            .not_valid_after(UNTIL)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(names.INTERNAL_TLS_NAME)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, algorithm=None)
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(certificate.public_bytes(Encoding.PEM).decode(), private.decode())
