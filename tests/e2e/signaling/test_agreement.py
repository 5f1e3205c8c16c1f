"""The store's scripts agree with the reference model: the same questions get the same answers."""

import asyncio
import re
import time
from collections.abc import Callable

import pytest
import redis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError
from tests.e2e.signaling import store
from tests.property.signaling.broker.questions import KINDS, POD, Step, answers
from tests.simulation.lua import Scripts
from tests.simulation.node import Node

from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.valkey.cluster import ClusterClient


@pytest.mark.parametrize("stored", ["single", "cluster"], indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_scripts_and_model_answer_alike(runner: asyncio.Runner, stored: store.Nodes, kind: str) -> None:
    async def asked(questions: list[Step]) -> object:
        broker = RedisBroker(POD, "tests/pool", ClusterClient(stored))
        await broker.start(lambda _hint: None)
        try:
            return await answers(broker, questions)
        finally:
            await broker.close()

    # Without shrinking, which takes minutes against a real store.
    @settings(max_examples=80, phases=[Phase.generate])
    @given(st.lists(KINDS[kind], min_size=6, max_size=80 if kind == "crowded" else 16))
    def check(questions: list[Step]) -> None:
        runner.run(store.wipe(stored))
        expected = runner.run(answers(MemoryBroker(POD, time.monotonic), questions))
        assert runner.run(asked(questions)) == expected

    check()


WORDS = st.sampled_from(["a", "b", "é", '"/\\\x7f\n', "", "0", "1", "9007199254740991"])
KEYS = st.sampled_from(["text", "hash", "hash 2", "sorted"])
SCORES = st.sampled_from(["0", "1", "1.5", "-2", "0.1", "1e300", "9007199254740991", "inf", "x", "1_0"])
BOUNDS = st.one_of(SCORES, st.sampled_from(["-inf", "+inf", "(1"]))
PLACES = st.sampled_from(["0", "1", "-1", "-2", "5", "01", "x"])
COMMANDS = st.one_of(
    st.tuples(st.sampled_from(["GET", "HGETALL", "HVALS", "ZCARD"]), KEYS),
    st.tuples(st.just("SET"), KEYS, WORDS),
    st.tuples(st.sampled_from(["HGET", "ZSCORE", "ZRANK", "HDEL", "ZREM"]), KEYS, WORDS),
    st.tuples(st.sampled_from(["HMGET", "HDEL", "ZREM", "HSETNX"]), KEYS, WORDS, WORDS),
    st.tuples(st.just("HSET"), KEYS, WORDS, WORDS),
    st.tuples(st.just("HSET"), KEYS, WORDS, WORDS, WORDS, WORDS),
    st.tuples(st.just("ZADD"), KEYS, SCORES, WORDS),
    st.tuples(st.just("ZRANGE"), KEYS, PLACES, PLACES),
    st.tuples(st.just("ZRANGE"), KEYS, PLACES, PLACES, st.just("WITHSCORES")),
    st.tuples(st.sampled_from(["ZRANGEBYSCORE", "ZREMRANGEBYSCORE"]), KEYS, BOUNDS, BOUNDS),
    st.tuples(st.just("ZRANGEBYSCORE"), KEYS, BOUNDS, BOUNDS, st.just("LIMIT"), PLACES, PLACES),
    st.tuples(st.just("ZRANGEBYSCORE"), KEYS, BOUNDS, BOUNDS, st.just("WITHSCORES"), st.just("LIMIT"), PLACES, PLACES),
    st.tuples(st.just("PEXPIRE"), KEYS, st.sampled_from(["3600000", "-1", "0", "1.5", "x"])),
)
BODIES = (
    "return redis.call(unpack(ARGV))",
    "return {1.9, -1.5, true, false, 'x', {1, nil, 3}, redis.call(unpack(ARGV))}",
    "local found = redis.call(unpack(ARGV)) return {type(found), tostring(found == false)}",
    "return cjson.encode(ARGV)",
    "return cjson.decode(cjson.encode(ARGV))",
    "redis.call('ZADD', KEYS[1], 0.1, ARGV[1]) return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
    "return {tostring(2^53), 2^53 .. '', tostring(0.1), tostring(tonumber(ARGV[#ARGV])), 7 / 2, -7 / 2}",
    "return unknown",
    "known = 1",
)


def _plain(reply: object) -> object:
    """Return a reply with normalized scores: Redis writes 0.1 with 17 digits, Valkey as short as possible."""
    if isinstance(reply, list):
        return [_plain(part) for part in reply]
    return repr(float(reply)) if isinstance(reply, str) and re.fullmatch(r"-?\d+\.\d+", reply) else reply


def test_the_simulation_s_node_answers_as_a_real_one(node: "redis.Redis") -> None:
    """The simulation runs the scripts on a model of a node, which must not be more lenient than the store."""
    scripts = Scripts()

    def refused(work: Callable[[], object]) -> object:
        try:
            return work()
        except ResponseError:
            return ResponseError

    def alike(model: Node, body: str, key: str, words: list[str]) -> None:
        text = f"#!lua\n{body}"
        real = refused(lambda: node.eval(text, 1, key, *words))
        assert _plain(refused(lambda: scripts.run(model, text, [key], words))) == _plain(real), (text, words)

    @settings(max_examples=300, phases=[Phase.generate])
    @given(st.lists(st.tuples(st.sampled_from(BODIES), COMMANDS), min_size=5, max_size=25))
    def all_alike(calls: list[tuple[str, tuple[str, ...]]]) -> None:
        node.flushall()
        model = Node(time.time, lambda _channel, _text: None)
        for body, words in calls:
            alike(model, body, words[1], list(words))

    all_alike()
