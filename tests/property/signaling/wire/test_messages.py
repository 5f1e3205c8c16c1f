"""Any input from a client is a frame or a coded error, never a traceback."""

import json

from hypothesis import given
from hypothesis import strategies as st

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import CATALOGUE, ProtocolError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
TYPES = st.sampled_from(
    [
        "hello",
        "resume",
        "heartbeat",
        "join-queue",
        "leave-queue",
        "leave",
        "offer",
        "answer",
        "ice-candidate",
        "ack",
        "stats",
        "connection-state",
    ]
)
FIELDS = st.sampled_from(
    [
        "socket",
        "instance",
        "intent",
        "token",
        "revision",
        "ticket",
        "match",
        "from",
        "to",
        "seq",
        "sdp",
        "candidates",
        "rttMs",
        "loss",
        "state",
        "reason",
    ]
)
ALMOST = st.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}), TYPES, st.dictionaries(FIELDS, JSON, max_size=8)
)


@given(st.binary() | st.text() | JSON.map(json.dumps) | ALMOST)
def test_every_input_is_a_frame_or_a_coded_error(data: str | bytes) -> None:
    try:
        frame = messages.decode_client(data)
    except ProtocolError as error:
        assert error.kind in CATALOGUE  # noqa: PT017 - either outcome is right
    else:
        assert messages.decode_client(messages.encode(frame)) == frame
