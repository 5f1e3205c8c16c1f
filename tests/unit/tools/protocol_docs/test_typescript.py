"""The TypeScript types agree with the definitions; tests/e2e/reference compiles them."""

from typing import get_args

import pytest
from tools.protocol_docs.typescript import typescript

from switchboard_signaling.wire.errors import CATALOGUE, CLOSE_CODES
from switchboard_signaling.wire.messages import ClientFrame, ServerFrame

TYPES = typescript()


@pytest.mark.parametrize("frame", get_args(ClientFrame | ServerFrame), ids=lambda frame: frame.__name__)
def test_every_frame_is_an_interface_identified_by_its_type(frame: type) -> None:
    tag = frame.__struct_config__.tag  # type: ignore[attr-defined]
    assert f'export interface {frame.__name__} {{\n  /** Type of the frame. */\n  type: "{tag}";\n' in TYPES


def test_fields_have_their_names_on_the_wire_and_their_types() -> None:
    for line in (
        "  from: string;",
        "  seq: number;",
        "  intent?: Idle | Queued | Matched;",
        "  attributes?: Record<string, string>;",
        "  candidates: Array<Candidate>;",
        "  sdpMLineIndex?: number | null;",
        "  retryable: boolean;",
        '  role: "impolite" | "polite";',
    ):
        assert f"\n{line}\n" in TYPES


def test_unions_have_the_frames_of_each_sender() -> None:
    for name, union in (("ClientFrame", ClientFrame), ("ServerFrame", ServerFrame)):
        assert f"export type {name} = {' | '.join(frame.__name__ for frame in get_args(union))};\n" in TYPES


def test_the_docstrings_of_definitions_are_comments() -> None:
    comment = "/** The client wants to be in `match`; `token` proves its side of an open match. */"
    assert f"{comment}\nexport interface Matched {{" in TYPES
    assert "/**\n * State of the peer in the match.\n *\n * `present` is sent again" in TYPES


def test_codes_are_types_too() -> None:
    for kind in CATALOGUE:
        assert f'"{kind.code}"' in TYPES
    for code in CLOSE_CODES:
        assert f" {code.code}" in TYPES.partition("export type CloseCode =")[2]


def test_every_field_has_a_comment() -> None:
    lines = TYPES.splitlines()
    fields = [number for number, line in enumerate(lines) if line.startswith("  ") and line.endswith(";")]
    assert len(fields) > 150
    assert [lines[number] for number in fields if not lines[number - 1].startswith("  /** ")] == []
