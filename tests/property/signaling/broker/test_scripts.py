"""The scripts agree with the reference on the simulation's model of the store; e2e tests ask a real store."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.signaling.broker.questions import KINDS, POD, Step, answers
from tests.simulation.cluster import Cluster

from switchboard_signaling.broker.memory import MemoryBroker


@pytest.mark.parametrize("kind", KINDS)
def test_scripts_and_reference_answer_alike(kind: str) -> None:
    @given(st.lists(KINDS[kind], min_size=1, max_size=80 if kind == "crowded" else 16))
    def check(questions: list[Step]) -> None:
        cluster = Cluster(lambda: 1000.0, lambda _channel, _text: None, random.Random(0))
        expected = runner.run(answers(MemoryBroker(POD, lambda: 1000.0), questions))
        assert runner.run(answers(cluster.broker(POD), questions)) == expected

    with asyncio.Runner() as runner:
        check()
