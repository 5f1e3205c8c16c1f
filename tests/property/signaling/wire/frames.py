"""Well-formed frames of clients with arbitrary content."""

from hypothesis import strategies as st

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued

COUNTERS = st.integers(0, 4) | st.just(2**53 - 1)
IDS = st.sampled_from(["id000", "id001", "id002", "id003", "id004", "t", "other"])
REASONS = st.sampled_from(["user", "skip", "busy", "stale", "blocked", "peer-lost", "ended"])
WANTS = st.one_of(
    st.builds(Idle, COUNTERS),
    st.builds(Queued, COUNTERS, IDS, queue_token=st.none() | st.just("a.b.c")),
    st.builds(Matched, COUNTERS, IDS, token=st.none() | st.just("a.b.c")),
)

AUTHS = st.sampled_from([None, "ada 300", "ada 70", "eve 300", "bad"])


def frames(ids: st.SearchStrategy[str] = IDS) -> st.SearchStrategy[messages.ClientFrame]:
    """Return a strategy for any client frame, with few distinct ids, so that some are equal."""
    lane = {"match_id": ids, "from_": ids, "to": ids, "seq": COUNTERS}
    return st.one_of(
        st.builds(messages.Hello, socket_number=COUNTERS, instance=ids, intent=WANTS, auth=AUTHS),
        st.builds(
            messages.Resume, token=st.just("a.b.c"), socket_number=COUNTERS, instance=ids, intent=WANTS, auth=AUTHS
        ),
        st.builds(messages.Auth, token=st.sampled_from(["ada 300", "eve 300", "bad"])),
        st.builds(messages.Heartbeat, intent=WANTS),
        st.builds(messages.JoinQueue, revision=COUNTERS, ticket=ids),
        st.builds(messages.LeaveQueue, revision=COUNTERS, ticket=ids),
        st.builds(messages.Leave, revision=COUNTERS, match_id=ids, reason=REASONS),
        st.builds(messages.Stats, match_id=ids, rtt_ms=st.none() | st.floats(0, 100), loss=st.none() | st.floats(0, 1)),
        st.builds(messages.ConnectionState, match_id=ids, state=st.sampled_from(["connected", "failed", "closed"])),
        st.builds(messages.Offer, sdp=st.just("v=0"), **lane),
        st.builds(messages.IceCandidate, candidates=st.just([]), **lane),
        st.builds(messages.Chat, id=ids, text=st.just("hello"), **lane),
        st.builds(messages.Ack, **lane),
    )
