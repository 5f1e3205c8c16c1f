"""The AsyncAPI document agrees with the definitions."""

import json
import re
from typing import Any, get_args

import pytest
from tools.protocol_docs.asyncapi import asyncapi

from switchboard_signaling.wire.errors import CLOSE_CODES
from switchboard_signaling.wire.messages import ClientFrame, ServerFrame

DOCUMENT = asyncapi("1.2.3")


def at(reference: str) -> Any:
    """Return the target of a reference within the document."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize(
    ("operation", "action", "union"), [("receive", "receive", ClientFrame), ("send", "send", ServerFrame)]
)
def test_every_frame_is_a_message_of_its_direction(operation: str, action: str, union: Any) -> None:
    described = DOCUMENT["operations"][operation]
    assert described["action"] == action
    messages = [at(at(message["$ref"])["$ref"]) for message in described["messages"]]
    assert [message["name"] for message in messages] == [frame.__struct_config__.tag for frame in get_args(union)]
    for message, frame in zip(messages, get_args(union), strict=True):
        assert at(message["payload"]["$ref"])["title"] == frame.__name__


def test_every_reference_points_to_something() -> None:
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)):
        assert at(reference)


def test_schemas_are_those_of_the_decoder() -> None:
    assert DOCUMENT["components"]["schemas"]["Hello"]["properties"]["instance"]["maxLength"] == 64
    assert "discriminator" not in json.dumps(DOCUMENT)


def test_it_has_the_version_and_every_close_code() -> None:
    assert DOCUMENT["info"]["version"] == "1.2.3"
    for code in CLOSE_CODES:
        assert f"{code.code} {code.reason}" in DOCUMENT["channels"]["socket"]["description"]


def test_every_field_has_a_description() -> None:
    for name, definition in DOCUMENT["components"]["schemas"].items():
        for field, described in definition.get("properties", {}).items():
            assert described.get("description"), f"{name}.{field}"
