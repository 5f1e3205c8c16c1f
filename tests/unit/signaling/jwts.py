"""Issuers of JWTs: one with a shared secret, one with keys that it publishes."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = b"a secret of thirty-two bytes or more"
OTHER_SECRET = b"another secret of the same good length"


def token(
    secret: bytes = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    """Return a JWT of `ada` for a minute; a claim of None is omitted."""
    whole = {"sub": "ada", "exp": int(time.time()) + 60, **claims}
    present = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(present, secret, algorithm, headers)


def secret_dir(folder: Path, **secrets: bytes) -> Path:
    """Return a folder with shared secrets."""
    folder.mkdir(exist_ok=True)
    for name, secret in (secrets or {"one": SECRET}).items():
        (folder / name).write_bytes(secret)
    return folder


_RSA = rsa.generate_private_key(65537, 2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_ED = ed25519.Ed25519PrivateKey.generate()
_WEAK = rsa.generate_private_key(65537, 1024)
KEYS: dict[str, tuple[Any, str]] = {
    "rsa": (_RSA, "RS256"), "ec": (_EC, "ES256"), "ed": (_ED, "EdDSA"), "weak": (_WEAK, "RS256"),
}  # fmt: skip


def jwks(*kids: str, **more: Any) -> bytes:
    """Return the document that an issuer with these keys publishes; `more` is added to each key."""
    as_jwk = {"rsa": RSAAlgorithm, "ec": ECAlgorithm, "ed": OKPAlgorithm, "weak": RSAAlgorithm}
    keys = [
        {**as_jwk[kid].to_jwk(KEYS[kid][0].public_key(), as_dict=True), "kid": kid, **more}  # type: ignore[attr-defined]
        for kid in kids
    ]
    return json.dumps({"keys": keys}).encode()


def signed(kid: str, algorithm: str | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a JWT of `ada`, signed with one of the issuer's keys."""
    key, usual = KEYS[kid]
    return token(key, algorithm or usual, {"kid": kid, **(headers or {})}, **claims)
