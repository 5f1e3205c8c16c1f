"""Random questions of pods to the store, and a broker's answers."""

from typing import TypeAlias

from hypothesis import strategies as st

from switchboard_signaling.broker.interface import Broker
from switchboard_signaling.matching.tickets import Proposal, Ticket
from switchboard_signaling.session.records import (
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
from switchboard_signaling.wire.intents import Idle, Matched, Queued

POD = "pod"
Step: TypeAlias = "Question | None"
"""A question, or None for reading the mailbox."""

SIDS = st.sampled_from(["s1", "s2", "s3"])
MATCHES = st.sampled_from(["m1", "m2"])
COUNTERS = st.sampled_from([0, 1, 2, 2**53 - 1])
LANGUAGES = st.fixed_dictionaries({}, optional={"lang": st.sampled_from(["de", 'ü"\\'])})
WORDS = st.fixed_dictionaries(
    {}, optional={"lang": st.sampled_from(["de", 'ü"\\']), "a=b": st.sampled_from(["x", ""]), "n": st.just("1")}
)
INST, HERE = st.just("inst"), st.just(POD)
INTENTS = st.one_of(
    st.builds(Idle, COUNTERS),
    st.builds(Queued, COUNTERS, st.just("t"), LANGUAGES, LANGUAGES),
    st.builds(Matched, COUNTERS, MATCHES),
)
SIDES = st.sampled_from([None, "a", "b"])
MODES = st.sampled_from(["", "text", "text39"])
"""The last two share a queue."""
TICKETS = st.builds(
    lambda session, sub, order, *words: Ticket(f"{session}/t", session, sub, "inst", POD, order, *words),
    SIDS, st.sampled_from(["u1", "u2", "u3"]), st.integers(0, 5), WORDS, WORDS, MODES, WORDS,
    st.lists(st.sampled_from(["u1", "nobody"]), max_size=2), st.integers(0, 2),
)  # fmt: skip
FEW_TICKETS = st.builds(
    lambda session, order, attributes, required: Ticket(
        f"{session}/t", session, session, "inst", POD, order, attributes, required
    ),
    SIDS, st.integers(0, 5), LANGUAGES, LANGUAGES,
)  # fmt: skip
CROWD = st.builds(
    lambda number, attributes, required: Ticket(
        f"c{number}/t", f"c{number}", f"c{number}", "inst", POD, 0, attributes, required
    ),
    st.integers(0, 60),
    WORDS,
    WORDS,
)
SESSIONS = st.builds(TouchSession, st.just("s"), COUNTERS, st.sampled_from(["x", "y"]), INTENTS, INST, HERE)
MATCH = st.one_of(
    st.builds(TouchMatch, st.just("m"), SIDS, COUNTERS, COUNTERS, INST, HERE, st.booleans(), SIDES, st.booleans()),
    st.builds(TouchMatch, st.just("m"), st.just("s1"), COUNTERS, COUNTERS, INST, HERE, st.booleans(), st.just("a")),
    st.builds(TouchMatch, st.just("m"), st.just("s2"), COUNTERS, COUNTERS, INST, HERE, st.booleans(), st.just("b")),
    st.builds(
        EndMatch, st.just("m"), SIDS, st.just("user"), SIDES, st.booleans(), st.none() | st.tuples(COUNTERS, COUNTERS)
    ),
    st.builds(ReadMatch, MATCHES),
)
NAMES = SIDS.map(lambda session_id: f"{session_id}/t")
LINE: st.SearchStrategy[Step] = st.one_of(
    st.builds(Enqueue, FEW_TICKETS, MATCHES, st.none() | MATCHES),
    st.builds(Enqueue, FEW_TICKETS, MATCHES),
    st.builds(Cancel, NAMES),
    st.builds(Announced, NAMES, HERE),
    st.none(),
)
CHOOSY: st.SearchStrategy[Step] = st.one_of(
    st.builds(Enqueue, TICKETS, MATCHES, st.none() | MATCHES),
    st.builds(Enqueue, TICKETS, MATCHES),
    st.builds(Cancel, NAMES, MODES),
    st.builds(Announced, NAMES, HERE, MODES),
    st.none(),
)
CROWDED: st.SearchStrategy[Step] = st.builds(Enqueue, CROWD, st.integers(1, 99).map(str))
KINDS = {"sessions": SESSIONS, "match": MATCH, "line": LINE, "choosy": CHOOSY, "crowded": CROWDED}


async def answers(broker: Broker, steps: list[Step]) -> list[Reply | list[Proposal]]:
    """Return a broker's answer to each step; mailboxes are unordered."""
    return [
        sorted(await broker.proposals(), key=lambda one: one.match_id) if step is None else await broker.ask(step)
        for step in steps
    ]
