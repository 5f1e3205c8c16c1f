"""The reference agrees with the definitions."""

import json
import re
from importlib import resources
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from tools.protocol_docs.schema import errors_page, schema

from switchboard_signaling.wire.errors import CATALOGUE, CLOSE_CODES, CloseCode, ErrorKind
from switchboard_signaling.wire.messages import ClientFrame, ServerFrame

VECTORS = [
    json.loads(file.read_text(encoding="utf-8"))
    for file in (resources.files("switchboard_signaling.wire") / "vectors").iterdir()
    if file.name.endswith(".json")
]


@pytest.mark.parametrize(("name", "union"), [("ClientFrame", ClientFrame), ("ServerFrame", ServerFrame)])
def test_every_frame_is_in_the_schema_under_its_type(name: str, union: Any) -> None:
    by_type = schema()["$defs"][name]["discriminator"]["mapping"]
    assert by_type == {frame.__struct_config__.tag: f"#/$defs/{frame.__name__}" for frame in get_args(union)}


def test_every_reference_in_the_schema_points_to_something() -> None:
    document = schema()
    names = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(document)))
    assert names == set(document["$defs"])


def test_every_field_in_the_schema_has_a_description() -> None:
    fields = [
        (name, field, described.get("description"))
        for name, definition in schema()["$defs"].items()
        for field, described in definition.get("properties", {}).items()
    ]
    assert len(fields) > 150
    assert [(name, field) for name, field, description in fields if not description] == []


def test_names_in_the_schema_are_those_on_the_wire() -> None:
    definitions = schema()["$defs"]
    assert {"from", "to", "match", "seq"} < set(definitions["Offer"]["required"])
    assert "iceServers" in definitions["MatchFound"]["properties"]


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.code)
def test_every_error_has_a_row(kind: ErrorKind) -> None:
    retryable = "yes" if kind.retryable else "no"
    assert f"| `{kind.code}` | {kind.message} | {kind.remedy} | {retryable} |\n" in errors_page()


@pytest.mark.parametrize("code", CLOSE_CODES, ids=lambda code: code.reason)
def test_every_close_code_has_a_row(code: CloseCode) -> None:
    reaction = {
        "stop": "does not reconnect",
        "reconnect": "reconnects at once; this is not a failed attempt",
        "fresh-jwt": "reconnects with a fresh JWT",
        "back-off": "reconnects after its back-off",
    }[code.reaction]
    assert f"| {code.code} | {code.reason} | {reaction} |\n" in errors_page()


def test_every_range_of_close_codes_has_a_row() -> None:
    assert "| 4420 to 4439 | reconnects at once; this is not a failed attempt |\n" in errors_page()
    assert "| 1009 | does not reconnect |\n" in errors_page()


def test_the_schema_is_valid_and_matches_every_frame_that_the_shared_vectors_receive() -> None:
    document = schema()
    Draft202012Validator.check_schema(document)
    known = document["$defs"]["ServerFrame"]["discriminator"]["mapping"]
    received = [
        step["receive"]
        for vectors in VECTORS
        for steps in (vectors["preamble"], *(vector["steps"] for vector in vectors["vectors"]))
        for step in steps
        if step.get("receive", {}).get("type") in known
    ]
    assert len(received) > 20
    validator = Draft202012Validator(document)
    for frame in received:
        filled = json.loads(json.dumps(frame).replace('"$', '"var.'))
        assert [error.message for error in validator.iter_errors(filled)] == [], frame
