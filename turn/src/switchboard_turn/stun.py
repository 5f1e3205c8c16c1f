"""The subset of STUN (RFC 8489) that TURN allocations (RFC 8656) need. Pure."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

MAGIC_COOKIE = 0x2112A442
HEADER = 20
"""Bytes of a message's header (RFC 8489, section 5)."""
FINGERPRINT_MASK = 0x5354554E
"""RFC 8489, section 14.7."""
INTEGRITY_LENGTH, FINGERPRINT_LENGTH = 24, 8
"""Bytes of these attributes with their headers."""

Address = tuple[str, int]


class Method(IntEnum):
    """RFC 8489, section 18.2, and RFC 8656, section 17."""

    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004


class Class(IntEnum):
    """The class bits of a message's type (RFC 8489, section 5)."""

    REQUEST = 0x000
    INDICATION = 0x010
    SUCCESS = 0x100
    ERROR = 0x110


class Attribute(IntEnum):
    """RFC 8489, section 18.3, and RFC 8656, section 18."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    LIFETIME = 0x000D
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_TRANSPORT = 0x0019
    XOR_MAPPED_ADDRESS = 0x0020
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028


class StunError(ValueError):
    """The bytes are not a STUN message, or an attribute is malformed."""


@dataclass(frozen=True)
class Message:
    """A message without its integrity and fingerprint; attributes in wire order."""

    method: int
    kind: Class
    transaction: bytes
    """12 random bytes that the response repeats."""
    attributes: tuple[tuple[int, bytes], ...] = ()

    def get(self, attribute: Attribute) -> bytes | None:
        """Return the first value of an attribute; the later ones are ignored (RFC 8489, section 14)."""
        return next((value for number, value in self.attributes if number == attribute), None)


def encode(message: Message, key: bytes | None = None) -> bytes:
    """Return the message's bytes; with a key, MESSAGE-INTEGRITY is added (RFC 8489, section 14.5)."""
    body = b"".join(_attribute(number, value) for number, value in message.attributes)
    kind = _type(message.method, message.kind)
    if key is None:
        return _header(kind, len(body), message.transaction) + body
    signed = _header(kind, len(body) + INTEGRITY_LENGTH, message.transaction) + body
    return signed + _attribute(Attribute.MESSAGE_INTEGRITY, hmac.digest(key, signed, "sha1"))


def decode(data: bytes) -> Message:
    """Return the message in a datagram. Raises `StunError`."""
    if len(data) < HEADER:
        raise StunError(f"{len(data)} bytes are too short for a header")
    kind, length, cookie = struct.unpack_from("!HHI", data)
    if kind & 0xC000 or cookie != MAGIC_COOKIE or length % 4 or length != len(data) - HEADER:
        raise StunError("not a STUN message")
    method = (kind & 0x3E00) >> 2 | (kind & 0x00E0) >> 1 | (kind & 0x000F)
    attributes = tuple((number, value) for number, value, _ in _split(data))
    return Message(method, Class(kind & 0x0110), data[8:HEADER], attributes)


def verify(data: bytes, key: bytes) -> bool:
    """Return whether a message that `decode` accepts has the MESSAGE-INTEGRITY of a key."""
    for number, value, start in _split(data):
        if number == Attribute.MESSAGE_INTEGRITY:
            # The signed length includes this attribute and none after it (RFC 8489, section 14.5).
            signed = data[:2] + struct.pack("!H", start + INTEGRITY_LENGTH - HEADER) + data[4:start]
            return hmac.compare_digest(value, hmac.digest(key, signed, "sha1"))
    return False


def fingerprint_matches(data: bytes) -> bool:
    """Return whether a message's FINGERPRINT is correct or absent (RFC 8489, section 14.7)."""
    for number, value, start in _split(data):
        if number == Attribute.FINGERPRINT:
            expected = zlib.crc32(data[:start]) ^ FINGERPRINT_MASK
            return start + FINGERPRINT_LENGTH == len(data) and value == struct.pack("!I", expected)
    return True


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """Return the key of long-term credentials (RFC 8489, section 9.2.2)."""
    text = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).digest()  # the RFC's choice; its HMAC is what protects


def xor_address(value: bytes, transaction: bytes) -> Address:
    """Return the address in an XOR-…-ADDRESS attribute (RFC 8489, section 14.2). Raises `StunError`."""
    size = {1: 4, 2: 16}.get(value[1] if len(value) > 1 else 0)
    if size is None or len(value) != 4 + size:
        raise StunError("malformed address")
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction
    port = struct.unpack_from("!H", value, 2)[0] ^ (MAGIC_COOKIE >> 16)
    packed = bytes(one ^ other for one, other in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(packed)), port


def error_code(value: bytes) -> tuple[int, str]:
    """Return the number and the reason in an ERROR-CODE attribute (RFC 8489, section 14.8). Raises `StunError`."""
    if len(value) < 4:
        raise StunError("malformed error code")
    return (value[2] & 0x07) * 100 + value[3], value[4:].decode(errors="replace")


def _type(method: int, kind: Class) -> int:
    return (method & 0x0F80) << 2 | (method & 0x0070) << 1 | (method & 0x000F) | kind


def _header(kind: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", kind, length, MAGIC_COOKIE) + transaction


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)


def _split(data: bytes) -> list[tuple[int, bytes, int]]:
    """Return the number, the value and the offset of each attribute."""
    found, start = [], HEADER
    while start < len(data):
        number, length = struct.unpack_from("!HH", data, start)
        padded = length + -length % 4
        if start + 4 + padded > len(data):
            raise StunError("an attribute exceeds the message")
        found.append((number, data[start + 4 : start + 4 + length], start))
        start += 4 + padded
    return found
