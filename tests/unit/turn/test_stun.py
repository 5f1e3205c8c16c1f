"""The codec, against the test vectors of RFC 5769."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard_turn import stun
from switchboard_turn.stun import Attribute, Class, Message, Method, StunError

# RFC 5769, sections 2.1 to 2.4.
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008"
    "932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004"
    "e57a3bcf"
)
RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91"
    "f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25"
    "f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
LONG_TERM = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c662f2f343939"
    "6b39353464364f4c33346f4c39465354767936347341001400" + "0b6578616d706c652e6f72670000080014f67024656dd64a3e02b8"
    "e0712e85c9a28ca89666"
)
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
LONG_TERM_KEY = stun.long_term_key("マトリックス", "example.org", "TheMatrIX")


@pytest.mark.parametrize(
    ("data", "kind", "key"),
    [
        (REQUEST, Class.REQUEST, PASSWORD),
        (RESPONSE_V4, Class.SUCCESS, PASSWORD),
        (RESPONSE_V6, Class.SUCCESS, PASSWORD),
        (LONG_TERM, Class.REQUEST, LONG_TERM_KEY),
    ],
    ids=["request", "response IPv4", "response IPv6", "long-term request"],
)
def test_the_rfcs_messages_are_read_and_verified(data: bytes, kind: Class, key: bytes) -> None:
    message = stun.decode(data)
    assert (message.method, message.kind) == (Method.BINDING, kind)
    assert stun.verify(data, key)
    assert stun.fingerprint_matches(data)
    assert not stun.verify(data, b"another key")


@pytest.mark.parametrize(
    ("data", "address"),
    [(RESPONSE_V4, ("192.0.2.1", 32853)), (RESPONSE_V6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))],
    ids=["IPv4", "IPv6"],
)
def test_the_rfcs_addresses_are_read(data: bytes, address: stun.Address) -> None:
    message = stun.decode(data)
    value = message.get(Attribute.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert stun.xor_address(value, message.transaction) == address


def test_the_rfcs_long_term_request_is_written() -> None:
    read = stun.decode(LONG_TERM)
    unsigned = tuple(one for one in read.attributes if one[0] != Attribute.MESSAGE_INTEGRITY)
    message = Message(Method.BINDING, Class.REQUEST, read.transaction, unsigned)
    assert stun.encode(message, LONG_TERM_KEY) == LONG_TERM
    assert read.get(Attribute.USERNAME) == "マトリックス".encode()
    assert read.get(Attribute.SOFTWARE) is None


@pytest.mark.parametrize("place", [30, 80, 105])
def test_a_changed_byte_is_noticed(place: int) -> None:
    changed = bytearray(REQUEST)
    changed[place] ^= 1
    assert not stun.fingerprint_matches(bytes(changed))
    assert stun.verify(bytes(changed), PASSWORD) is (place == 105), "the fingerprint is not signed"


def test_a_message_without_integrity_is_not_verified() -> None:
    assert not stun.verify(stun.encode(Message(Method.BINDING, Class.REQUEST, bytes(12))), PASSWORD)


def test_a_fingerprint_before_the_end_is_wrong() -> None:
    with_more = REQUEST + b"\x80\x22\x00\x00"
    assert not stun.fingerprint_matches(with_more)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST[:19],
        REQUEST[:-4],
        REQUEST + bytes(4),
        b"\x80" + REQUEST[1:],
        REQUEST[:4] + b"0000" + REQUEST[8:],
        bytes.fromhex("000100022112a442") + bytes(14),
        bytes.fromhex("000100042112a442") + bytes(12) + b"\x00\x06\x00\x01",
    ],
    ids=["nothing", "short header", "cut", "too long", "RTP", "cookie", "odd length", "attribute beyond the end"],
)
def test_what_is_not_stun_is_refused(data: bytes) -> None:
    with pytest.raises(StunError):
        stun.decode(data)


@pytest.mark.parametrize(
    "value", [b"", b"\x00", b"\x00\x03" + bytes(6), b"\x00\x01" + bytes(5), b"\x00\x02" + bytes(6)]
)
def test_a_malformed_address_is_refused(value: bytes) -> None:
    with pytest.raises(StunError):
        stun.xor_address(value, bytes(12))


def test_an_error_code_has_a_number_and_a_reason() -> None:
    assert stun.error_code(b"\x00\x00\x04\x26Stale Nonce") == (438, "Stale Nonce")
    with pytest.raises(StunError):
        stun.error_code(b"\x00\x00\x04")


@given(
    method=st.integers(0, 0xFFF),
    kind=st.sampled_from(Class),
    transaction=st.binary(min_size=12, max_size=12),
    attributes=st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=5),
)
def test_what_is_written_is_read_again(
    method: int, kind: Class, transaction: bytes, attributes: list[tuple[int, bytes]]
) -> None:
    message = Message(method, kind, transaction, tuple(attributes))
    assert stun.decode(stun.encode(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for attempt in (data, REQUEST[:2] + len(data).to_bytes(2, "big") + REQUEST[4:20] + data):
        try:
            stun.decode(attempt)
        except StunError:
            continue
        stun.verify(attempt, PASSWORD)
        stun.fingerprint_matches(attempt)
