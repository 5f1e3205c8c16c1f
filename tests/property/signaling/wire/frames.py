"""Frames of clients, valid in form and arbitrary in content."""

from hypothesis import strategies as st

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued

COUNTERS = st.integers(0, 4) | st.just(2**53 - 1)
IDS = st.sampled_from(["id000", "id001", "id002", "id003", "id004", "t", "other"])
REASONS = st.sampled_from(["user", "skip", "busy", "stale", "blocked", "partner-lost", "ended"])
WANTS = st.one_of(
    st.builds(Idle, COUNTERS),
    st.builds(Queued, COUNTERS, IDS, place=st.none() | st.just("a.b.c")),
    st.builds(Matched, COUNTERS, IDS, token=st.none() | st.just("a.b.c")),
)

AUTHS = st.sampled_from([None, "ada 300", "ada 70", "eve 300", "bad"])


def frames(ids: st.SearchStrategy[str] = IDS) -> st.SearchStrategy[messages.ClientFrame]:
    """Return any frame of a client, with ids from a few, so that they sometimes name the same thing."""
    lane = {"m": ids, "from_": ids, "to": ids, "k": COUNTERS}
    return st.one_of(
        st.builds(messages.Hello, n=COUNTERS, inst=ids, want=WANTS, auth=AUTHS),
        st.builds(messages.Resume, token=st.just("a.b.c"), n=COUNTERS, inst=ids, want=WANTS, auth=AUTHS),
        st.builds(messages.Auth, token=st.sampled_from(["ada 300", "eve 300", "bad"])),
        st.builds(messages.Heartbeat, want=WANTS),
        st.builds(messages.JoinQueue, c=COUNTERS, ticket=ids),
        st.builds(messages.LeaveQueue, c=COUNTERS, ticket=ids),
        st.builds(messages.Leave, c=COUNTERS, m=ids, reason=REASONS),
        st.builds(messages.Stats, m=ids, rtt_ms=st.none() | st.floats(0, 100), loss=st.none() | st.floats(0, 1)),
        st.builds(messages.ConnectionState, m=ids, state=st.sampled_from(["connected", "failed", "closed"])),
        st.builds(messages.Offer, sdp=st.just("v=0"), **lane),
        st.builds(messages.IceCandidate, candidates=st.just([]), **lane),
        st.builds(messages.Chat, id=ids, text=st.just("hello"), **lane),
        st.builds(messages.Noop, **lane),
        st.builds(messages.Ack, **lane),
    )
