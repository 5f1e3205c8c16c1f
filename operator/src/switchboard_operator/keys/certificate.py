"""Server certificate of a pool's internal port, which authenticates its pods. Pure.

One key and certificate per pool, derived from the root key: the same bytes each time, so that nothing has to be stored,
read first or renewed. A new root key yields new ones. Only the operator and the pool's Secret have the private key.
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
"""No well-defined expiration (RFC 5280, section 4.1.2.5): clients pin this certificate and do not trust its name."""


@dataclass(frozen=True)
class ServerCertificate:
    """A self-signed certificate and its private key; both PEM."""

    certificate: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, seed: bytes) -> Self:
        """Derive both from a secret seed of 32 bytes; Ed25519 keys and signatures are deterministic (RFC 8032)."""
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
