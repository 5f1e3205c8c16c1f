"""The outgoing half of a socket: in order, batched per loop iteration, bounded."""

import asyncio
from typing import cast

import pytest

from switchboard_signaling.server.sockets.writer import MAX_UNSENT, SocketWriter, WriteBatcher


class Transport:
    """A transport and a socket in one that keeps its writes; `unsent` bytes are reported as waiting."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.unsent = 0
        self.closing = False
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closing


def writer(batcher: WriteBatcher, transport: Transport) -> SocketWriter:
    return SocketWriter(transport, cast("asyncio.WriteTransport", transport), batcher)


async def step() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_frames_of_one_loop_iteration_leave_in_one_write_per_socket() -> None:
    batcher, one, two = WriteBatcher(), Transport(), Transport()
    first, second = writer(batcher, one), writer(batcher, two)
    for text in (b"a", b"b"):
        assert first.put(text)
        assert second.put(text)
    assert (one.writes, two.writes) == ([], [])
    await step()
    assert one.writes == two.writes == [b"\x81\x01a\x81\x01b"]
    first.put(b"c")
    await step()
    assert one.writes[1:] == [b"\x81\x01c"]
    assert len(two.writes) == 1


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (0xFFFF, b"\x81\x7e\xff\xff"),
        (0x10000, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
async def test_frames_have_the_header_of_rfc_6455(size: int, head: bytes) -> None:
    transport = Transport()
    outgoing = writer(WriteBatcher(), transport)
    outgoing.put(b"x" * size)
    outgoing.flush()
    assert transport.writes == [head + b"x" * size]


async def test_an_explicit_flush_leaves_nothing_for_the_end_of_the_iteration() -> None:
    batcher, transport = WriteBatcher(), Transport()
    outgoing = writer(batcher, transport)
    outgoing.put(b"last")
    outgoing.flush()
    await step()
    assert len(transport.writes) == 1


async def test_unsent_bytes_are_limited() -> None:
    transport = Transport()
    outgoing = writer(WriteBatcher(), transport)
    transport.unsent = MAX_UNSENT + 1
    assert not outgoing.put(b"x")
    transport.unsent = 0
    text = b"x" * 65_536
    assert sum(outgoing.put(text) for _ in range(100)) == MAX_UNSENT // len(text) + 1
    await step()
    assert outgoing.put(text)


@pytest.mark.parametrize("what", ["closing", "closed"])
async def test_nothing_is_written_to_a_closing_socket(what: str) -> None:
    transport = Transport()
    outgoing = writer(WriteBatcher(), transport)
    outgoing.put(b"x")
    setattr(transport, what, True)
    await step()
    assert transport.writes == []
