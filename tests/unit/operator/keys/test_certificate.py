from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from switchboard_crds import names
from switchboard_operator.keys.certificate import UNTIL, ServerCertificate

SEED = bytes(range(32))


def test_a_certificate_is_self_signed_and_names_the_internal_port() -> None:
    made = ServerCertificate.of(SEED)
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    certificate.verify_directly_issued_by(certificate)
    key = load_pem_private_key(made.key.encode(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert key.public_key() == certificate.public_key()
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == [names.INTERNAL_TLS_NAME]
    assert certificate.not_valid_after_utc == UNTIL
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_certificate_is_a_function_of_its_seed() -> None:
    assert ServerCertificate.of(SEED) == ServerCertificate.of(SEED)
    assert ServerCertificate.of(SEED).certificate != ServerCertificate.of(bytes(32)).certificate


def test_the_key_is_not_printed() -> None:
    assert "PRIVATE" not in repr(ServerCertificate.of(SEED))
