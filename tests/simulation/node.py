"""A model of one node of the store: the commands that the scripts use, on the data of one shard.

It answers as Redis 7 does in RESP2: numbers as text, nil as None. Commands that no script uses are missing and fail.
tests/e2e/signaling/test_agreement.py compares it with a real node.
"""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from redis.exceptions import ResponseError

Reply: TypeAlias = Any
"""A command's reply: text, an integer, None, or a list of these."""


class Status(str):
    """A simple string, which Lua sees as a table."""


class Sorted(dict[str, float]):
    """A sorted set: scores by member."""


Clock: TypeAlias = Callable[[], float]
Hear: TypeAlias = Callable[[str, str], None]


class Node:
    """The keys of a node.

    `clock` returns seconds and is off by `step`; `hear` receives published messages, as channel and text.
    """

    def __init__(self, clock: Clock, hear: Hear) -> None:
        self._clock, self._hear = clock, hear
        self.step = 0.0
        self._data: dict[str, str | dict[str, str] | Sorted] = {}
        self._until: dict[str, int] = {}

    def replica(self) -> "Node":
        """Return a node with the same data."""
        copy = Node(self._clock, self._hear)
        copy.step = self.step
        copy._data = {
            key: value if isinstance(value, str) else type(value)(value)  # type: ignore[arg-type]
            for key, value in self._data.items()
        }
        copy._until = dict(self._until)
        return copy

    def clear(self) -> None:
        """Delete all data, as a restart without persistence does."""
        self._data, self._until = {}, {}

    def call(self, name: str, *given: str) -> Reply:
        """Run a command; raises ResponseError where Redis does."""
        command = _COMMANDS.get(name)
        if command is None:
            raise ResponseError(f"the model lacks {name}")
        return command(self, *given)

    # Keys

    def _now(self) -> float:
        return self._clock() + self.step

    def _alive(self, key: str) -> str | dict[str, str] | Sorted | None:
        until = self._until.get(key)
        if until is not None and until <= self._now() * 1000:
            self._drop(key)
        return self._data.get(key)

    def _value(self, kind: type, key: str) -> Any:
        value = self._alive(key)
        if value is not None and type(value) is not kind:
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    def _made(self, kind: type, key: str) -> Any:
        value = self._value(kind, key)
        if value is None:
            value = self._data[key] = kind()
        return value

    def _drop(self, key: str) -> None:
        self._data.pop(key, None)
        self._until.pop(key, None)

    def _taken(self, kind: type, key: str, names: tuple[str, ...]) -> int:
        value = self._value(kind, key) or {}
        found = sum(value.pop(name, None) is not None for name in names)
        if found and not value:
            self._drop(key)
        return found

    def pexpire(self, key: str, ms: str) -> int:
        span, known = _whole(ms), self._alive(key) is not None
        if known:
            self._until[key] = int(self._now() * 1000) + span
        return int(known)

    def time(self) -> list[str]:
        micros = round(self._now() * 1e6)
        return [str(micros // 1_000_000), str(micros % 1_000_000)]

    def expire(self, key: str, seconds: str) -> int:
        return self.pexpire(key, str(_whole(seconds) * 1000))

    def incr(self, key: str) -> int:
        number = _whole(self.get(key) or "0") + 1
        self._data[key] = str(number)
        return number

    def get(self, key: str) -> str | None:
        value: str | None = self._value(str, key)
        return value

    def set(self, key: str, text: str) -> Status:
        self._drop(key)
        self._data[key] = text
        return Status("OK")

    def spublish(self, channel: str, text: str) -> int:
        self._hear(channel, text)
        return 1

    # Hashes

    def hget(self, key: str, name: str) -> str | None:
        value: str | None = (self._value(dict, key) or {}).get(name)
        return value

    def hmget(self, key: str, *names: str) -> list[str | None]:
        value = self._value(dict, key) or {}
        return [value.get(name) for name in names]

    def hgetall(self, key: str) -> list[str]:
        return [part for pair in (self._value(dict, key) or {}).items() for part in pair]

    def hvals(self, key: str) -> list[str]:
        return list((self._value(dict, key) or {}).values())

    def hset(self, key: str, *pairs: str) -> int:
        if not pairs or len(pairs) % 2:
            raise ResponseError("wrong number of arguments for 'hset' command")
        value = self._made(dict, key)
        before = len(value)
        value.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(value) - before

    def hsetnx(self, key: str, name: str, text: str) -> int:
        known = name in (self._value(dict, key) or {})
        if not known:
            self._made(dict, key)[name] = text
        return int(not known)

    def hexists(self, key: str, name: str) -> int:
        return int(name in (self._value(dict, key) or {}))

    def hlen(self, key: str) -> int:
        return len(self._value(dict, key) or {})

    def hincrby(self, key: str, name: str, by: str) -> int:
        value = self._made(dict, key)
        number = _whole(value.get(name, "0")) + _whole(by)
        value[name] = str(number)
        return number

    def hdel(self, key: str, *names: str) -> int:
        return self._taken(dict, key, names)

    # Sorted sets

    def zadd(self, key: str, *given: str) -> int:
        only_known = given[0].upper() == "XX"
        score, member = given[only_known:]
        number = _score(score)
        if only_known and member not in (self._value(Sorted, key) or {}):
            return 0
        value = self._made(Sorted, key)
        new = member not in value
        value[member] = number
        return int(new)

    def zrem(self, key: str, *members: str) -> int:
        return self._taken(Sorted, key, members)

    def zscore(self, key: str, member: str) -> str | None:
        score = (self._value(Sorted, key) or {}).get(member)
        return None if score is None else _text(score)

    def zrank(self, key: str, member: str) -> int | None:
        members = [one for _, one in self._ordered(key)]
        return members.index(member) if member in members else None

    def zcard(self, key: str) -> int:
        return len(self._value(Sorted, key) or {})

    def zrange(self, key: str, first: str, last: str, *options: str) -> list[str]:
        members = self._ordered(key)
        start, end = (_whole(end) + (len(members) if _whole(end) < 0 else 0) for end in (first, last))
        found = members[max(start, 0) : end + 1] if end >= 0 else []
        if [option.upper() for option in options] not in ([], ["WITHSCORES"]):
            raise ResponseError("syntax error")
        return [part for score, member in found for part in ((member, _text(score)) if options else (member,))]

    def zrangebyscore(self, key: str, low: str, high: str, *options: str) -> list[str]:
        least, most = _score(low.removeprefix("(")), _score(high.removeprefix("("))
        excluded = [end for end, text in ((least, low), (most, high)) if text.startswith("(")]
        rest = [option.upper() for option in options]
        scores = "WITHSCORES" in rest
        if scores:
            rest.remove("WITHSCORES")
        first, count = 0, -1
        if rest:
            if rest[0] != "LIMIT" or len(rest) != 3:
                raise ResponseError("syntax error")
            first, count = map(_whole, rest[1:])
        found = [pair for pair in self._ordered(key) if least <= pair[0] <= most and pair[0] not in excluded]
        found = found[first : None if count < 0 else first + count] if first >= 0 else []
        return [part for score, member in found for part in ((member, _text(score)) if scores else (member,))]

    def zremrangebyscore(self, key: str, low: str, high: str) -> int:
        return self._taken(Sorted, key, tuple(self.zrangebyscore(key, low, high)))

    def _ordered(self, key: str) -> list[tuple[float, str]]:
        """Return scores and members in order; equal scores are ordered by bytes, which is the order of code points."""
        value = self._value(Sorted, key) or {}
        return sorted((score, member) for member, score in value.items())


_COMMANDS: dict[str, Callable[..., Reply]] = {
    name.upper(): getattr(Node, name)
    for name in (
        "get", "set", "incr", "expire", "pexpire", "time", "spublish", "hget", "hmget", "hgetall", "hvals", "hset",
        "hsetnx", "hexists", "hlen", "hincrby",
        "hdel", "zadd", "zrem", "zscore", "zrank", "zcard", "zrange", "zrangebyscore", "zremrangebyscore",
    )
}  # fmt: skip


def _whole(text: str) -> int:
    if not re.fullmatch(r"0|-?[1-9]\d{0,18}", text):
        raise ResponseError("value is not an integer or out of range")
    return int(text)


def _score(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number != number or "_" in text:
        raise ResponseError("value is not a valid float")
    return number


def _text(score: float) -> str:
    """Return a score as text with 17 digits."""
    return f"{score:.17g}"
