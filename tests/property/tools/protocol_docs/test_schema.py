"""The JSON Schema and the decoder take the same frames: they come from one definition."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.property.signaling.wire.frames import frames
from tools.protocol_docs.schema import schema

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import ProtocolError

DOCUMENT = schema()
CLIENT = Draft202012Validator({**DOCUMENT, "anyOf": [{"$ref": "#/$defs/ClientFrame"}]})
# Without 1.0, which is an integer to JSON Schema alone, and without lone surrogates, of which it knows nothing.
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2**53)
    | st.sampled_from(["", "id001", "user", "idle", "x" * 65, "ä ö"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["c", "state", "m"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(frames(), st.data())
def test_a_frame_with_any_field_changed_is_valid_to_both_or_to_neither(
    frame: messages.ClientFrame, data: st.DataObject
) -> None:
    fields: dict[str, Any] = json.loads(messages.encode(frame))
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), VALUES, max_size=2))
    removed = data.draw(st.sets(st.sampled_from(sorted(fields)), max_size=1))
    altered = {name: value for name, value in {**fields, **changed}.items() if name not in removed}
    assert CLIENT.is_valid(altered) is decodes(altered), altered


def decodes(fields: dict[str, Any]) -> bool:
    try:
        messages.decode_client(json.dumps(fields))
    except ProtocolError:
        return False
    return True
