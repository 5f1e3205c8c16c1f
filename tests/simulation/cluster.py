"""The store as a small cluster: shards of slots, each with a node that may be unavailable, wiped or failed over.

The shipped RedisBroker and its scripts run on it, through a client that replaces valkey/cluster.py and answers at once;
store.py adds the network.
"""

import random
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from tests.simulation.lua import Scripts
from tests.simulation.node import Clock, Hear, Node

from switchboard_signaling.broker.records import SESSION_FIELDS, match_record, session_record
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.session.records import MatchRecord, SessionRecord
from switchboard_signaling.valkey import slots
from switchboard_signaling.valkey.cluster import ErrorReports
from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.valkey.scripts import Script
from switchboard_signaling.valkey.slots import SLOTS, Address, ErrorReport

SHARDS = 3
POOL = "tests/pool"


slot_of = lru_cache(maxsize=4096)(slots.slot_of)
"""A schedule asks for few keys, often."""


@lru_cache
def scripts() -> Scripts:
    """Return this process's interpreter."""
    return Scripts()


class Shard:
    """A range of slots and the node that serves it."""

    def __init__(self, clock: Clock, hear: Hear) -> None:
        self._clock = clock
        self.node = Node(clock, hear)
        self._old = self.node
        self._away_until = self._split_until = 0.0

    def serving(self, pod: str) -> Node | None:
        """Return the node that a pod reaches; during a split, half of the pods know only the old one."""
        now = self._clock()
        if now < self._split_until and pod[-1] in "02468":
            return self._old
        return None if now < self._away_until else self.node

    def go_away(self, seconds: float) -> None:
        """Be unavailable for a while."""
        self._away_until = max(self._away_until, self._clock() + seconds)

    def follow(self, replica: Node, gap: float, split: float) -> None:
        """Fail over to a replica after a gap; for `split` seconds half of the pods still reach the old node."""
        self._old, self.node = self.node, replica
        self._split_until = self._clock() + split
        self.go_away(gap)


class Silence(ErrorReports):
    """The simulation reports by itself."""

    def record(self, found: ErrorReport, node: Address | None) -> None: ...


class Client:
    """The broker's client of the store; a failure stands for several failed attempts."""

    def __init__(self, cluster: "Cluster", pod: str) -> None:
        self._cluster, self._pod = cluster, pod
        self.reports = Silence()

    async def start(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def listen(self, channel: str, received: Callable[[str], None], lost: Callable[[], None]) -> None:
        """Do nothing: store.py delivers hints."""

    async def call(self, key: str, *words: Any) -> Any:
        name, *given = map(_word, words)
        reply = self._node([key]).call(name, *given)
        return dict(zip(reply[::2], reply[1::2], strict=True)) if name == "HGETALL" else reply

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        return scripts().run(self._node(keys), script.text, list(keys), [_word(one) for one in arguments])

    def _node(self, keys: Sequence[str]) -> Node:
        slot = slot_of(keys[0])
        assert all(slot_of(key) == slot for key in keys[1:]), f"{keys} do not map to the same slot"
        node = self._cluster.shard_of(keys[0]).serving(self._pod)
        self._cluster.away = node is None
        if node is None:
            raise ValkeyUnavailableError("away")
        return node


class Cluster:
    """All shards, and the brokers of the pods."""

    def __init__(self, clock: Clock, hear: Hear, chance: random.Random) -> None:
        self.random = chance
        self.away = False
        """Whether the node called last is unavailable, which is a broker's only reason to fail."""
        self.shards = [Shard(clock, hear) for _ in range(SHARDS)]
        self._brokers: dict[str, RedisBroker] = {}

    def shard_of(self, key: str) -> Shard:
        """Return the shard of a key."""
        return self.shards[slot_of(key) * SHARDS // SLOTS]

    def broker(self, pod: str) -> RedisBroker:
        """Return the shipped broker of a pod."""
        known = self._brokers.get(pod)
        if known is None:
            known = self._brokers[pod] = RedisBroker(pod, POOL, self.client(pod))
        return known

    def client(self, pod: str) -> Client:
        """Return a pod's client of the store."""
        return Client(self, pod)

    # The store's contents, for checks

    def session(self, session_id: str) -> SessionRecord | None:
        key = "{s:" + session_id + "}"
        return session_record(self.shard_of(key).node.hmget(key, *SESSION_FIELDS))

    def match(self, match_id: str, pod: str | None = None) -> MatchRecord | None:
        """Return the record of a match, as this pod sees it if given."""
        key = "{m:" + match_id + "}"
        shard = self.shard_of(key)
        node = shard.serving(pod) if pod else shard.node
        fields = node.hgetall(key) if node else []
        return match_record(match_id, fields) if fields else None

    def matched(self, ticket: str) -> bool:
        key = "{q:" + POOL + "}:outcomes"
        return bool(self.shard_of(key).node.hget(key, ticket))

    def tickets(self) -> dict[str, Ticket]:
        key = "{q:" + POOL + "}:tickets"
        found = self.shard_of(key).node.hgetall(key)
        return {
            name: msgspec.json.decode(text, type=Ticket) for name, text in zip(found[::2], found[1::2], strict=True)
        }


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits; return its result or raise its exception."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the coroutine waits")


def _word(value: str | bytes | float) -> str:
    """Return a word of a command as text."""
    assert not isinstance(value, bool)
    return value.decode() if isinstance(value, bytes) else str(value)
