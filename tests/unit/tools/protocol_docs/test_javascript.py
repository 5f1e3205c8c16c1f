"""The browser client's constants agree with the definitions; the SDK's tests load and type-check them."""

import json
import re

from tools.protocol_docs.javascript import constants, declarations, javascript

from switchboard_signaling.wire.errors import CATALOGUE, CLOSE_CODES, reaction
from switchboard_signaling.wire.fields import MAX_CHAT
from switchboard_signaling.wire.messages import RECONNECT_ATTEMPTS, SUBPROTOCOL, TIMEOUTS

FLAGS = re.MULTILINE | re.DOTALL
VALUES = {name: json.loads(value) for name, value in re.findall(r"^export const (\w+) = (.*?);\n", javascript(), FLAGS)}


def test_the_module_exports_every_constant_with_its_value() -> None:
    assert {name: value for name, (_, value) in constants().items()} == VALUES


def test_sizes_and_names_are_those_of_the_frames() -> None:
    assert (VALUES["SUBPROTOCOL"], VALUES["MAX_CHAT"]) == (SUBPROTOCOL, MAX_CHAT)


def test_limits_have_their_names_on_the_wire() -> None:
    assert VALUES["DEFAULT_LIMITS"] == {
        "heartbeatMs": TIMEOUTS.heartbeat_ms,
        "idleHeartbeatMs": TIMEOUTS.idle_heartbeat_ms,
        "resumeWindowMs": TIMEOUTS.resume_window_ms,
        "iceGatheringMs": TIMEOUTS.ice_gathering_ms,
        "connectionMs": TIMEOUTS.connection_ms,
        "maxReconnectAttempts": RECONNECT_ATTEMPTS,
    }


def test_close_codes_are_grouped_by_the_clients_reaction() -> None:
    for code in (*(one.code for one in CLOSE_CODES), 4419, 4439, 4459, 4479):
        reactions = [one["reaction"] for one in VALUES["CLOSE_REACTIONS"] if one["from"] <= code <= one["to"]]
        assert (reactions or ["back-off"]) == [reaction(code)]


def test_texts_are_those_of_the_catalogue() -> None:
    catalogue = {kind.code: kind for kind in CATALOGUE}
    for name, code in (("BAD_FRAME", "bad-frame"), ("PEER_UNREACHABLE", "peer-unreachable")):
        kind = catalogue[code]
        expected = {"code": code, "message": kind.message, "remedy": kind.remedy, "retryable": kind.retryable}
        assert VALUES[name] == expected


def test_every_constant_is_declared_with_the_type_of_its_value() -> None:
    declared = dict(re.findall(r"^export const (\w+): (.*);$", declarations(), re.MULTILINE))
    assert list(declared) == list(VALUES)
    assert declared["MAX_CHAT"] == "number"
    assert declared["SUBPROTOCOL"] == "string"
    assert declared["CLOSE_REACTIONS"] == "ReadonlyArray<Readonly<{ from: number; to: number; reaction: string }>>"
    assert declared["BAD_FRAME"] == "Readonly<{ code: string; message: string; remedy: string; retryable: boolean }>"


def test_every_constant_has_a_description() -> None:
    for text in (javascript(), declarations()):
        assert "/** Maximum length of a chat message in characters. */\nexport const MAX_CHAT" in text
