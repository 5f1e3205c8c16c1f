"""The AsyncAPI document says all that the definitions say."""

import json
import re
from typing import Any, get_args

import pytest
from tools.protocol_docs.asyncapi import asyncapi

from switchboard_signaling.wire.errors import CLOSE_CODES
from switchboard_signaling.wire.messages import ClientFrame, ServerFrame

DOCUMENT = asyncapi("1.2.3")


def at(reference: str) -> Any:
    """Return what a reference within the document points to."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize(
    ("operation", "action", "union"), [("hear", "receive", ClientFrame), ("say", "send", ServerFrame)]
)
def test_every_frame_is_a_message_of_its_direction(operation: str, action: str, union: Any) -> None:
    told = DOCUMENT["operations"][operation]
    assert told["action"] == action
    messages = [at(at(message["$ref"])["$ref"]) for message in told["messages"]]
    assert [message["name"] for message in messages] == [frame.__struct_config__.tag for frame in get_args(union)]
    for message, frame in zip(messages, get_args(union), strict=True):
        assert at(message["payload"]["$ref"])["title"] == frame.__name__


def test_every_reference_points_to_something() -> None:
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)):
        assert at(reference)


def test_schemas_are_those_of_the_decoder_in_asyncapis_words() -> None:
    assert DOCUMENT["components"]["schemas"]["Hello"]["properties"]["instance"]["maxLength"] == 64
    assert "discriminator" not in json.dumps(DOCUMENT)


def test_it_names_the_version_and_every_close_code() -> None:
    assert DOCUMENT["info"]["version"] == "1.2.3"
    for code in CLOSE_CODES:
        assert f"{code.code} {code.reason}" in DOCUMENT["channels"]["socket"]["description"]
