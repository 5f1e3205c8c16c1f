"""A pod that answers each message of another pod with a message, so that messages bounce between the two.

`python -m bench.broker.pod WAY NAME OTHER STORE-PORT COUNTER START` sends the first START messages once it listens, and
counts received messages in the memory-mapped file COUNTER, which costs almost no CPU time.
"""

import asyncio
import mmap
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import redis.asyncio as redis
import uvloop

from switchboard_signaling.broker.hints import Channel, channel_of
from switchboard_signaling.session.hints import Hint, Relay, decode_hint, encode_hint
from switchboard_signaling.valkey.cluster import ClusterClient
from switchboard_signaling.wire.messages import Candidate, IceCandidate

CANDIDATE: Final = Candidate(
    "candidate:842163049 1 udp 1677729535 203.0.113.77 51646 typ srflx raddr 0.0.0.0 rport 0 generation 0", "0", 0
)


def message(pod: str) -> Relay:
    """Return a message of typical size: a candidate for a client of the other pod."""
    frame = IceCandidate(match_id="m" * 22, from_="a" * 22, to="b" * 22, seq=7, candidates=[CANDIDATE])
    return Relay("s" * 22, "m" * 22, "t" * 22, pod, frame)


class Counter:
    """A number in a memory-mapped file."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 8)
        self._count = 0

    def add(self) -> None:
        """Count one."""
        self._count += 1
        struct.pack_into("<Q", self._memory, 0, self._count)


async def switchboard(name: str, other: str, port: int, count: Callable[[], None], start: int) -> None:
    """Bounce messages through the broker's channel."""
    answer = message(name)

    def bounce(hint: Hint) -> None:
        if isinstance(hint, Relay):
            count()
            channel.send_hint(other, answer)

    store = ClusterClient([("127.0.0.1", port)])
    await store.start()
    channel = Channel(name, store, bounce)
    await channel.start()
    print("ready:0", flush=True)
    for _ in range(start):
        channel.send_hint(other, answer)
    await asyncio.Event().wait()


async def redis_py(name: str, other: str, port: int, count: Callable[[], None], start: int) -> None:
    """Bounce messages the usual way with redis-py: a subscriber, and an awaited publish() per message."""
    answer = message(name)
    client: Any = redis.Redis(host="127.0.0.1", port=port)
    subscription = client.pubsub(ignore_subscribe_messages=True)
    await subscription.subscribe(channel_of(name))
    await subscription.get_message(timeout=5)
    print("ready:0", flush=True)
    for _ in range(start):
        await client.publish(channel_of(other), encode_hint(answer))
    async for found in subscription.listen():
        if isinstance(decode_hint(found["data"]), Relay):
            count()
            await client.publish(channel_of(other), encode_hint(answer))


if __name__ == "__main__":
    way, here, there, where, file, in_flight = sys.argv[1:]
    counter = Counter(Path(file))
    uvloop.run(
        {"switchboard": switchboard, "redis_py": redis_py}[way](here, there, int(where), counter.add, int(in_flight))
    )
