"""The reference says all that the definitions say."""

import json
import re
from typing import Any, get_args

import pytest

from switchboard_signaling.protocol.errors import CATALOGUE, CLOSE_CODES, CloseCode, ErrorKind
from switchboard_signaling.protocol.messages import ClientFrame, ServerFrame
from switchboard_signaling.protocol.reference import errors_page, schema


@pytest.mark.parametrize(("name", "union"), [("ClientFrame", ClientFrame), ("ServerFrame", ServerFrame)])
def test_every_frame_is_in_the_schema_under_its_type(name: str, union: Any) -> None:
    by_type = schema()["$defs"][name]["discriminator"]["mapping"]
    assert by_type == {frame.__struct_config__.tag: f"#/$defs/{frame.__name__}" for frame in get_args(union)}


def test_every_reference_in_the_schema_points_to_something() -> None:
    document = schema()
    names = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(document)))
    assert names == set(document["$defs"])


def test_names_in_the_schema_are_those_on_the_wire() -> None:
    definitions = schema()["$defs"]
    assert {"from", "to", "m", "k"} < set(definitions["Offer"]["required"])
    assert "iceServers" in definitions["MatchFound"]["properties"]


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.code)
def test_every_error_has_its_line(kind: ErrorKind) -> None:
    retryable = "yes" if kind.retryable else "no"
    assert f"| `{kind.code}` | {kind.message} | {kind.remedy} | {retryable} |\n" in errors_page()


@pytest.mark.parametrize("code", CLOSE_CODES, ids=lambda code: code.reason)
def test_every_close_code_has_its_line(code: CloseCode) -> None:
    assert f"| {code.code} | {code.reason} | {'yes' if code.reconnect else 'no'} |\n" in errors_page()
