"""Every script has the same replies and the same effects on the simulation's model of a node and on a real one.

The clock is the test's: what scripts ask for by TIME is written into them.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any

import redis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.property.signaling.broker.questions import KINDS, POD, answers
from tests.simulation.cluster import Silence
from tests.simulation.lua import Scripts
from tests.simulation.node import Node

from switchboard_signaling.analytics.outbox import Event
from switchboard_signaling.analytics.totals import Live
from switchboard_signaling.broker.lua import LUA
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.broker.shared_stats import MAX_LISTED, SharedStatsFullError
from switchboard_signaling.valkey.scripts import Script

UNORDERED = {"proposals", "totals"}
"""Scripts whose replies come from hashes, in the order of a node's memory."""
NOW = "redis.call('TIME')"


class Both:
    """A store that asks both a real node and the model, and fails if they differ."""

    def __init__(self, client: "redis.Redis", ran: set[str]) -> None:
        self._client = client
        self._scripts = Scripts()
        self._names = {Script(LUA, path.name.removesuffix(".lua")).sha: path.name for path in _scripts()}
        self.ran = ran
        self.node = Node(lambda: 0.0, lambda _channel, _text: None)
        self.now = 1_700_000_000
        self.reports = Silence()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        words = [word if isinstance(word, str) else repr(word) for word in arguments]
        text = script.text.replace(NOW, f"({{'{self.now}', '250000'}})")
        real = self._client.eval(text, len(keys), *keys, *words)
        model = self._scripts.run(self.node, text, list(keys), words)
        name = self._names[script.sha].removesuffix(".lua")
        self.ran.add(name)
        assert _sorted(model) == _sorted(real) if name in UNORDERED else model == real, (name, keys, words)
        return real

    async def call(self, key: str, *words: Any) -> Any:
        texts = [word if isinstance(word, str) else str(word) for word in words]
        real, model = self._client.execute_command(*texts), self.node.call(*texts)
        assert (model == real) or texts[0] == "HGETALL"
        return real

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def listen(self, channel: str, received: Callable[[str], None], lost: Callable[[], None]) -> None: ...

    def same_data(self) -> None:
        for key in set(self._client.scan_iter()):
            match self._client.type(key):
                case "hash":
                    names = list(self._client.hgetall(key).items())
                    assert sorted(names) == sorted(_pairs(self.node.hgetall(key))), key
                case "zset":
                    assert self._client.zrange(key, 0, -1) == self.node.zrange(key, "0", "-1"), key
                case "string":
                    assert self._client.get(key) == self.node.get(key), key
            assert bool(self._client.pttl(key) > 0) == (key in self.node._until), key
        assert set(self._client.scan_iter()) == set(self.node._data)


def _pairs(flat: list[str]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _sorted(reply: Any) -> Any:
    return sorted(map(_sorted, reply), key=repr) if isinstance(reply, list) else reply


def _scripts() -> list[Any]:
    return [path for path in (files("switchboard_signaling.broker") / "lua").iterdir() if path.name.endswith(".lua")]


NAMES = st.sampled_from(["one", "two", "ü b"])
NUMBERS = st.integers(0, 3)
LISTS = st.sampled_from(sorted(MAX_LISTED))
SHARED_STATS = st.one_of(
    st.tuples(st.just("count"), NUMBERS, st.dictionaries(NAMES, NUMBERS, max_size=2), st.builds(Live, NUMBERS)),
    st.tuples(st.just("totals")),
    st.tuples(st.just("keep"), NAMES, st.sampled_from(["a", "b"]), st.dictionaries(NAMES, NUMBERS, max_size=2)),
    st.tuples(st.just("kept"), NAMES),
    st.tuples(st.just("add"), LISTS, NAMES, st.sampled_from([1, 400, 4000])),
    st.tuples(st.just("remove"), LISTS, NAMES),
    st.tuples(st.just("listed"), LISTS, NUMBERS),
    st.tuples(st.just("put"), st.builds(Event, NAMES, st.just("{}"))),
    st.tuples(st.just("take"), st.sampled_from([0.5, 400.0]), NUMBERS),
    st.tuples(st.just("settle"), NAMES, st.sampled_from([None, 0.0, 400.0])),
    st.tuples(st.just("wait"), st.sampled_from([1, 300, 4000])),
)


def test_every_script_has_the_same_effects_on_the_model_and_on_a_real_node(
    runner: asyncio.Runner, node: "redis.Redis"
) -> None:
    ran: set[str] = set()

    async def acts(both: Both, steps: list[tuple[Any, ...]]) -> None:
        shared_stats = RedisBroker(POD, "tests/pool", both).shared_stats
        for name, *arguments in steps:
            if name == "wait":
                both.now += arguments[0]
                continue
            with suppress(SharedStatsFullError):
                await getattr(shared_stats, name)(*arguments)

    async def questions(both: Both, steps: list[Any]) -> None:
        for number in range(0, len(steps), 4):
            await answers(RedisBroker(POD, "tests/pool", both), steps[number : number + 4])
            both.now += 7

    @settings(max_examples=150, phases=[Phase.generate], deadline=None)
    @given(
        st.one_of(*(st.lists(kind, min_size=4, max_size=24) for kind in KINDS.values())),
        st.lists(SHARED_STATS, min_size=4, max_size=24),
    )
    def all_alike(asked: list[Any], done: list[tuple[Any, ...]]) -> None:
        node.flushall()
        both = Both(node, ran)
        runner.run(questions(both, asked))
        runner.run(acts(both, done))
        both.same_data()

    all_alike()
    assert ran == {path.name.removesuffix(".lua") for path in _scripts()}
