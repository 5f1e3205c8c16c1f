"""The store's scripts mean what the reference model means: the same questions get the same answers."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.e2e.signaling import store

from switchboard_signaling.broker.interface import Broker
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.matching.tickets import Proposal, Ticket
from switchboard_signaling.protocol.messages import Idle, Matched, Queued
from switchboard_signaling.protocol.store import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    Question,
    ReadMatch,
    Reply,
    TouchMatch,
    TouchSession,
)

POD = "pod"
Step: TypeAlias = "Question | None"
"""A question, or None for reading the mailbox."""

SIDS = st.sampled_from(["s1", "s2", "s3"])
MATCHES = st.sampled_from(["m1", "m2"])
COUNTERS = st.sampled_from([0, 1, 2, 2**53 - 1])
LANGUAGES = st.fixed_dictionaries({}, optional={"lang": st.sampled_from(["de", 'ü"\\'])})
INST, HERE = st.just("inst"), st.just(POD)
WANTS = st.one_of(
    st.builds(Idle, COUNTERS),
    st.builds(Queued, COUNTERS, st.just("t"), LANGUAGES, LANGUAGES),
    st.builds(Matched, COUNTERS, MATCHES),
)
SIDES = st.sampled_from([None, "a", "b"])
TICKETS = st.builds(
    lambda sid, seq, attributes, required: Ticket(f"{sid}/t", sid, sid, "inst", POD, seq, attributes, required),
    SIDS, st.integers(0, 5), LANGUAGES, LANGUAGES,
)  # fmt: skip
SESSIONS = st.builds(TouchSession, st.just("s"), COUNTERS, st.sampled_from(["x", "y"]), WANTS, INST, HERE)
MATCH = st.one_of(
    st.builds(TouchMatch, st.just("m"), SIDS, COUNTERS, COUNTERS, INST, HERE, st.booleans(), SIDES, st.booleans()),
    st.builds(TouchMatch, st.just("m"), st.just("s1"), COUNTERS, COUNTERS, INST, HERE, st.booleans(), st.just("a")),
    st.builds(TouchMatch, st.just("m"), st.just("s2"), COUNTERS, COUNTERS, INST, HERE, st.booleans(), st.just("b")),
    st.builds(
        EndMatch, st.just("m"), SIDS, st.just("user"), SIDES, st.booleans(), st.none() | st.tuples(COUNTERS, COUNTERS)
    ),
    st.builds(ReadMatch, MATCHES),
)
LINE: st.SearchStrategy[Step] = st.one_of(
    st.builds(Enqueue, TICKETS, MATCHES, st.none() | MATCHES),
    st.builds(Enqueue, TICKETS, MATCHES),
    st.builds(Cancel, SIDS.map(lambda sid: f"{sid}/t")),
    st.builds(Announced, SIDS.map(lambda sid: f"{sid}/t"), HERE),
    st.none(),
)


@pytest.fixture(params=[store.single, store.cluster], ids=["single", "cluster"])
def loop_and_nodes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[asyncio.Runner, list[tuple[str, int]]]]:
    """A loop of the test's own, as hypothesis calls plain functions, and a store that lives on it."""
    with asyncio.Runner() as runner:
        context = request.param(tmp_path)
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


async def answers(broker: Broker, steps: list[Step]) -> list[Reply | list[Proposal]]:
    """Return what a broker says to each step; mailboxes have no order."""
    await broker.start(lambda _hint: None)
    try:
        return [
            sorted(await broker.proposals(), key=lambda one: one.m) if step is None else await broker.ask(step)
            for step in steps
        ]
    finally:
        await broker.close()


@pytest.mark.parametrize("steps", [SESSIONS, MATCH, LINE], ids=["sessions", "match", "line"])
def test_scripts_and_model_answer_alike(
    loop_and_nodes: tuple[asyncio.Runner, list[tuple[str, int]]], steps: "st.SearchStrategy[Step]"
) -> None:
    runner, nodes = loop_and_nodes

    # Without shrinking, which takes minutes against a real store.
    @settings(max_examples=80, phases=[Phase.generate])
    @given(st.lists(steps, min_size=6, max_size=16))
    def check(questions: list[Step]) -> None:
        runner.run(store.wipe(nodes))
        expected = runner.run(answers(MemoryBroker(POD, time.monotonic), questions))
        assert runner.run(answers(RedisBroker(POD, "tests/pool", nodes, None), questions)) == expected

    check()
