"""Certificates, keys and kubeconfigs."""

import base64
import datetime as dt
import ipaddress
import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from switchboard_cluster.pki import Authority, Subject

SERVER = Subject("server", "kube-apiserver", hosts=("10.200.0.2", "kubernetes.default"))
CLIENT = Subject("client", "system:node:node-1", "system:nodes")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "pki")
    made.issue(SERVER)
    made.issue(CLIENT)
    return made


def certificate(authority: Authority, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((authority.folder / f"{name}.crt").read_bytes())


def test_certificates_are_signed_by_the_authority(authority: Authority) -> None:
    root = certificate(authority, "ca")
    for name in ("ca", "server", "client"):
        certificate(authority, name).verify_directly_issued_by(root)


def test_certificates_of_another_authority_are_rejected(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "other")
    stranger.issue(CLIENT)
    with pytest.raises(InvalidSignature):
        certificate(stranger, "client").verify_directly_issued_by(certificate(authority, "ca"))


def test_only_the_authority_may_sign(authority: Authority) -> None:
    for name, may in (("ca", True), ("server", False), ("client", False)):
        constraints = certificate(authority, name).extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert constraints.value.ca is may


def test_a_strict_client_accepts_the_chain(authority: Authority) -> None:
    # Python's ssl module checks this since 3.13; the explicit check covers all versions.
    root = certificate(authority, "ca")
    for name in ("server", "client"):
        extensions = certificate(authority, name).extensions
        key_of_issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        assert key_of_issuer == root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.key_cert_sign) == (True, False)
    assert root.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_kubernetes_reads_user_and_group_from_a_client_certificate(authority: Authority) -> None:
    # https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
    subject = certificate(authority, "client").subject
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["system:node:node-1"]
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:nodes"]


def test_only_certificates_with_hosts_are_for_servers(authority: Authority) -> None:
    def usages(name: str) -> set[x509.ObjectIdentifier]:
        return set(certificate(authority, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)

    assert ExtendedKeyUsageOID.SERVER_AUTH in usages("server")
    assert usages("client") == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_server_certificate_contains_its_names_and_addresses(authority: Authority) -> None:
    names = certificate(authority, "server").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes.default"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.200.0.2")]


def test_certificates_are_valid_for_a_clock_that_is_behind(authority: Authority) -> None:
    found = certificate(authority, "client")
    now = dt.datetime.now(dt.UTC)
    assert found.not_valid_before_utc < now - dt.timedelta(minutes=4)
    assert found.not_valid_after_utc > now + dt.timedelta(days=300)


def test_keys_are_readable_by_their_owner_only(authority: Authority) -> None:
    authority.issue_signing_key("service-accounts")
    authority.kubeconfig("client", "https://127.0.0.1:6443", authority.folder / "kubeconfig")
    secrets = [*authority.folder.glob("*.key"), authority.folder / "kubeconfig"]
    assert len(secrets) == 5
    for secret in secrets:
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700


def test_a_readable_file_is_replaced_by_a_private_one(authority: Authority, tmp_path: Path) -> None:
    target = tmp_path / "kubeconfig"
    target.touch(mode=0o644)
    authority.kubeconfig("client", "https://127.0.0.1:6443", target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_signing_keys_public_half_belongs_to_it(authority: Authority) -> None:
    authority.issue_signing_key("service-accounts")
    private = load_pem_private_key((authority.folder / "service-accounts.key").read_bytes(), password=None)
    assert private.public_key() == load_pem_public_key((authority.folder / "service-accounts.pub").read_bytes())


def test_a_kubeconfig_has_the_server_and_the_certificates_of_its_user(authority: Authority, tmp_path: Path) -> None:
    target = tmp_path / "new" / "kubeconfig"
    authority.kubeconfig("client", "https://10.200.0.2:6443", target)
    config = json.loads(target.read_text())
    context = next(one["context"] for one in config["contexts"] if one["name"] == config["current-context"])
    cluster = next(one["cluster"] for one in config["clusters"] if one["name"] == context["cluster"])
    user = next(one["user"] for one in config["users"] if one["name"] == context["user"])
    assert cluster["server"] == "https://10.200.0.2:6443"
    for encoded, file in (
        (cluster["certificate-authority-data"], "ca.crt"),
        (user["client-certificate-data"], "client.crt"),
        (user["client-key-data"], "client.key"),
    ):
        assert base64.b64decode(encoded) == (authority.folder / file).read_bytes()
