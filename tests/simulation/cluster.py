"""The store as a small cluster: shards of slots, each with a node that may be away, forget, or be followed by another.

The shipped RedisBroker and its scripts run on it, by a client that stands in for redis-py's and does all at once;
what a network adds is in store.py.
"""

import random
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any

import msgspec
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - as redis-py names it
    DataError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from tests.simulation.lua import Scripts, sha_of, slot_of
from tests.simulation.node import Clock, Hear, Node

from switchboard_signaling.broker.records import SESSION_FIELDS, match_record, session_record
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.protocol.store import MatchRecord, SessionRecord

SHARDS = 3
SLOTS = 16384
POOL = "tests/pool"
AWAY = (
    ConnectionError("refused"),
    TimeoutError("no reply"),
    BusyLoadingError("loading"),
    ClusterDownError("down"),
    MovedError("1 127.0.0.1:1"),
    ReadOnlyError("read only"),
    TryAgainError("try again"),
    RedisClusterException("no slots"),
)
"""What redis-py says of a shard that cannot serve, after it has tried a few times."""


@lru_cache
def scripts() -> Scripts:
    """Return the interpreter of this process."""
    return Scripts()


class Shard:
    """A range of slots and the node that serves it."""

    def __init__(self, clock: Clock, hear: Hear) -> None:
        self._clock = clock
        self.node = Node(clock, hear)
        self._old = self.node
        self._away_until = self._split_until = 0.0

    def serving(self, pod: str) -> Node | None:
        """Return the node that a pod reaches: while the shard is split, half of the pods know only the old one."""
        now = self._clock()
        if now < self._split_until and pod[-1] in "02468":
            return self._old
        return None if now < self._away_until else self.node

    def go_away(self, seconds: float) -> None:
        """Serve nobody for a while."""
        self._away_until = max(self._away_until, self._clock() + seconds)

    def follow(self, replica: Node, gap: float, split: float) -> None:
        """Go on with a replica after a gap; for `split` seconds half of the pods still reach the old node."""
        self._old, self.node = self.node, replica
        self._split_until = self._clock() + split
        self.go_away(gap)


class Client:
    """The calls of redis-py's asynchronous clients that the broker makes, with replies decoded."""

    def __init__(self, cluster: "Cluster", pod: str) -> None:
        self._cluster, self._pod = cluster, pod

    async def evalsha(self, sha: str, count: int, *given: Any) -> Any:
        words = [one if type(one) is str else _word(one) for one in given]
        node = self._node(words[:count])
        if sha not in node.scripts:
            raise NoScriptError("No matching script. Please use EVAL.")
        return scripts().run(node, node.scripts[sha], words[:count], words[count:])

    async def eval(self, text: str, count: int, *given: Any) -> Any:
        words = [one if type(one) is str else _word(one) for one in given]
        node = self._node(words[:count])
        node.scripts[sha_of(text)] = text
        return scripts().run(node, text, words[:count], words[count:])

    async def hgetall(self, key: str) -> dict[str, str]:
        found = self._node([key]).hgetall(key)
        return dict(zip(found[::2], found[1::2], strict=True))

    async def hdel(self, key: str, *names: str) -> int:
        return self._node([key]).hdel(key, *names)

    def _node(self, keys: list[str]) -> Node:
        if len({slot_of(key) for key in keys}) != 1:
            raise RedisClusterException(f"{keys} do not map to the same slot")
        node = self._cluster.shard_of(keys[0]).serving(self._pod)
        self._cluster.away = node is None
        if node is None:
            raise self._cluster.random.choice(AWAY)
        return node


class Cluster:
    """All shards, and the brokers of the pods."""

    def __init__(self, clock: Clock, hear: Hear, chance: random.Random) -> None:
        self.random = chance
        self.away = False
        """Whether what was called last is away: a broker has no other reason to fail."""
        self.shards = [Shard(clock, hear) for _ in range(SHARDS)]
        self._brokers: dict[str, RedisBroker] = {}

    def shard_of(self, key: str) -> Shard:
        """Return the shard of a key."""
        return self.shards[slot_of(key) * SHARDS // SLOTS]

    def broker(self, pod: str) -> RedisBroker:
        """Return the shipped broker of a pod."""
        known = self._brokers.get(pod)
        if known is None:
            known = self._brokers[pod] = RedisBroker(pod, POOL, [], None)
            known._client = self.client(pod)  # type: ignore[assignment]
            known._slots_unknown = lambda: None  # type: ignore[method-assign]  # this client knows all slots
        return known

    def client(self, pod: str) -> Client:
        """Return what a pod reaches the store by."""
        return Client(self, pod)

    # What it knows, for those who look at it from outside

    def session(self, sid: str) -> SessionRecord | None:
        key = "{s:" + sid + "}"
        return session_record(self.shard_of(key).node.hmget(key, *SESSION_FIELDS))

    def match(self, m: str, pod: str | None = None) -> MatchRecord | None:
        """Return the record of a match, as this pod finds it where it is given."""
        key = "{m:" + m + "}"
        shard = self.shard_of(key)
        node = shard.serving(pod) if pod else shard.node
        fields = node.hgetall(key) if node else []
        return match_record(m, fields) if fields else None

    def matched(self, ticket: str) -> bool:
        key = "{q:" + POOL + "}:fates"
        return bool(self.shard_of(key).node.hget(key, ticket))

    def tickets(self) -> dict[str, Ticket]:
        key = "{q:" + POOL + "}:tickets"
        found = self.shard_of(key).node.hgetall(key)
        return {
            name: msgspec.json.decode(text, type=Ticket) for name, text in zip(found[::2], found[1::2], strict=True)
        }


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits; gives back what it returns or raises."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits")


def _word(value: object) -> str:
    """Return an argument that is no text as redis-py writes it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"Invalid input of type: {type(value).__name__!r}")
    return repr(value)
