"""The figures and tables of docs/reference/protocol.md are those of the code."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from tests.e2e.reference import level1

from switchboard_signaling.analytics import call
from switchboard_signaling.client import connection as python_client
from switchboard_signaling.client import core, lanes
from switchboard_signaling.server.http.app import PUBLIC
from switchboard_signaling.server.sockets import writer
from switchboard_signaling.session import admission, limits, match, presence, queue_status
from switchboard_signaling.session import core as session
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import errors, fields, messages, tokens

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "protocol.md").read_text(encoding="utf-8")
SDK = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / "sdk" / "src").glob("*.js")}

TIMES = messages.TIMEOUTS
CODES = {code.reason: code for code in errors.CLOSE_CODES}


def section(title: str) -> str:
    """Return the text below a heading, up to the next one."""
    return re.split(r"^#+ ", PAGE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def table(title: str) -> dict[str, str]:
    """Return the rows of the first table below a heading: first column to last column."""
    rows = [
        [cell.strip() for cell in row.strip("| ").split(" | ")]
        for row in re.findall(r"^\|.*", section(title), re.MULTILINE)
    ]
    return {row[0]: row[-1] for row in rows[2:]}


def constant(module: str, name: str) -> float:
    """Return the value of a number in the SDK."""
    [found] = re.findall(rf"^(?:export )?const {name} = ([\d_.* ]+);", SDK[module], re.MULTILINE)
    value = 1.0
    for factor in found.replace("_", "").split("*"):
        value *= float(factor)
    return value


def seconds(value: float) -> str:
    return f"{value:,g} s"


def test_figures() -> None:
    assert table("Figures") == {
        "First frame on a socket": f"within {seconds(session.HELLO_SECONDS)}",
        "Heartbeat while queued or matched": f"every {seconds(TIMES.heartbeat_ms / 1000)}",
        "Heartbeat while idle": f"every {seconds(TIMES.idle_heartbeat_ms / 1000)}",
        "Silence after which the other side counts as gone": (
            f"{seconds(messages.HEARTBEAT_GRACE_MS / 1000)} after the next heartbeat was due"
        ),
        "Back-off before an attempt": f"a random part of {python_client.RETRY_FIRST * 1000:g} ms",
        "Growth of the back-off": "doubles with each attempt without a `welcome`",
        "Ceiling of the back-off": f"a random part of {seconds(python_client.RETRY_CEILING)}",
        "Limit of one attempt": seconds(python_client.CONNECT_SECONDS),
        "Attempts before you may give up": f"{messages.RECONNECT_ATTEMPTS}, but not before the resume window is over",
        "Resume window": seconds(TIMES.resume_window_ms / 1000),
        "Life of a session token": (
            f"{seconds(tokens.SESSION_SECONDS)}, renewed every {seconds(tokens.SESSION_SECONDS / 4)} while connected"
        ),
        "Life of a queue token": seconds(tokens.QUEUE_SECONDS),
        "Life of a match token": seconds(tokens.MATCH_SECONDS),
        "Forming match": f"at most {seconds(match.FORMING_SECONDS)}",
        "First repetition of a frame": f"after {seconds(lanes.REPEAT_FIRST)}",
        "Growth of the time until the next repetition": "doubles",
        "Ceiling of the time until the next repetition": seconds(lanes.REPEAT_CEILING),
        "Variation of these times": f"±{lanes.JITTER * 100:g} %",
        "Frames in flight": f"at most {lanes.WINDOW}",
        "Frames in flight after a loss": f"1, then {lanes.SLOW_START}",
        "Frames kept ahead of a gap": f"{lanes.MAX_GAP}",
        "Frames delivered before an acknowledgement": f"{lanes.ACK_EVERY}",
        "Acknowledgement of a single frame": f"within {lanes.ACK_SECONDS * 1000:g} ms",
        "Old socket after a newer one": seconds(session.OLD_SOCKET_SECONDS),
        "Lanes of earlier instances": f"{core.KEPT_LANES}",
        "Peer without a sign of life is away": f"after {seconds(presence.AWAY_AFTER)}",
        "Peer whose socket was closed is away": f"after {seconds(presence.AWAY_AFTER_CLOSE)}",
    }


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        ("lane", "REPEAT_FIRST", lanes.REPEAT_FIRST * 1000),
        ("lane", "REPEAT_CEILING", lanes.REPEAT_CEILING * 1000),
        ("lane", "JITTER", lanes.JITTER),
        ("lane", "WINDOW", lanes.WINDOW),
        ("lane", "WINDOW_BYTES", lanes.WINDOW_BYTES),
        ("lane", "CHAT_SHARE", lanes.CHAT_SHARE),
        ("lane", "SLOW_START", lanes.SLOW_START),
        ("lane", "MAX_GAP", lanes.MAX_GAP),
        ("lane", "ACK_EVERY", lanes.ACK_EVERY),
        ("lane", "ACK_DELAY", lanes.ACK_SECONDS * 1000),
        ("match", "KEPT_LANES", core.KEPT_LANES),
        ("sockets", "RETRY_FIRST", python_client.RETRY_FIRST * 1000),
        ("sockets", "RETRY_CEILING", python_client.RETRY_CEILING * 1000),
    ],
)
def test_the_sdk_has_the_same_figures(module: str, name: str, value: float) -> None:
    assert constant(module, name) == value


def test_limits() -> None:
    settings = ServerSettings.model_fields
    frames = settings["frames_per_second"].default
    burst = limits.BURST_SECONDS
    assert list(table("Stay within the limits")) == [
        f"{fields.MAX_FRAME_BYTES:,} bytes of UTF-8 per frame",
        f"{lanes.WINDOW} frames and {lanes.WINDOW_BYTES:,} bytes unacknowledged per lane",
        "half of both for `chat`",
        f"{fields.MAX_CHAT:,} characters per `chat`",
        _rate("ICE candidates", limits.CANDIDATES_PER_SECOND, burst),
        _rate("offers and answers", limits.SDP_PER_SECOND, burst),
        f"{frames:g} frames per second, {frames * 2:g} at once",
        _rate("sockets", limits.CONNECTS_PER_SECOND, burst).replace("second,", "second and address,"),
        f"{session.MAX_BAD_FRAMES} malformed frames per socket",
        f"{writer.MAX_UNSENT:,} bytes that you have not read",
    ]
    assert lanes.CHAT_SHARE == 0.5


def _rate(what: str, per_second: float, burst_seconds: float) -> str:
    return f"{per_second:g} {what} per second, {per_second * burst_seconds:g} at once"


SENTENCES = [
    (r"(\d+) s before it expires and then every", admission.EXPIRING_SECONDS),
    (r"before it expires and then every (\d+) s", admission.ASK_AGAIN_SECONDS),
    (r"count as required for (\d+) s", queue_status.RELAX_SECONDS),
    (r"After (\d+) s, recent peers", queue_status.RELAX_ALL_SECONDS),
    (r"follows another one within (\d+) s", session.STATS_SECONDS),
    (r"`withinMs` / 4, and of at most (\d+) s", constant("session", "GOAWAY_MOST") / 1000),
    (r"does not open within (\d+) s", match.FORMING_SECONDS),
    (r"that time and (\d+) s, abandon", messages.HEARTBEAT_GRACE_MS / 1000),
    (r"away after (\d+) s, or", presence.AWAY_AFTER),
    (r"or (\d+) s after its socket was closed", presence.AWAY_AFTER_CLOSE),
    (r"frames of the peer for (\d+) s more", session.OLD_SOCKET_SECONDS),
    (r"Keep up to (\d+) numbers ahead", lanes.MAX_GAP),
    (r"a single one within (\d+) ms", lanes.ACK_SECONDS * 1000),
    (r"lanes of the last (\d+) instances", core.KEPT_LANES),
    (r"The timer takes (\d+) s", lanes.REPEAT_FIRST),
    (r"then always (\d+) s", lanes.REPEAT_CEILING),
    (r"frames in flight: to (\d+) at first", lanes.WINDOW),
    (r"covers frames makes it (\d+)\.", lanes.SLOW_START),
]


@pytest.mark.parametrize(("pattern", "value"), SENTENCES)
def test_figures_in_sentences(pattern: str, value: float) -> None:
    assert [float(found) for found in re.findall(pattern, " ".join(PAGE.split()))] == [value]


def test_each_error_is_in_the_table_and_closes_the_socket_if_the_table_says_so() -> None:
    errors_table = table("Errors")
    assert list(errors_table) == [f"`{kind.code}`" for kind in errors.CATALOGUE]
    closing = {code for code, text in errors_table.items() if "socket" in text and "close" in text}
    assert closing == {f"`{kind.code}`" for kind in errors.CATALOGUE if kind.code in CODES}


def test_each_reason_is_named() -> None:
    [ends] = re.findall(r"`reason` is (.*?removed one of you)", " ".join(section("Intents").split()))
    assert set(re.findall(r"`([a-z-]+)`", ends)) == set(get_args(messages.LeaveReason))
    [failures] = re.findall(r"`reason` of a failure is (.*?);", " ".join(section("Report statistics").split()))
    assert set(re.findall(r"`([a-z-]+)`", failures)) == call.REASONS


def test_each_range_of_close_codes_is_in_the_table() -> None:
    reactions = {
        "stop": "Stop",
        "reconnect": "Reconnect at once, and start the back-off again.",
        "fresh-jwt": "Get a fresh JWT, and reconnect with it.",
        "back-off": "Reconnect after the back-off.",
    }
    known = {
        row: text for row, text in table("Close codes").items() if row not in ("1000", "1005", "1006", "all others")
    }
    ranges = {_range(codes): reactions[reaction] for codes, reaction in errors.CLOSE_RANGES.items()}
    assert list(known) == list(ranges)
    assert all(known[row].startswith(text) for row, text in ranges.items())
    for code in (1000, 1005, 1006):
        assert errors.reaction(code) == "back-off"
        assert "econnect after the back-off." in table("Close codes")[str(code)]


def _range(codes: range) -> str:
    return str(codes[0]) if len(codes) == 1 else f"{codes[0]} to {codes[-1]}"


def test_each_answer_to_the_handshake_is_in_the_table() -> None:
    [handshake] = [one for one in PUBLIC if one.path == "/ws"]
    statuses = [int(status) for row in table("Connect") for status in row.split(", ")]
    assert [status for status in statuses if status < 500] == sorted(handshake.answers)


def test_the_client_of_level_1_has_the_length_that_the_page_names() -> None:
    program = Path(level1.__file__).read_text(encoding="utf-8")
    code = [line for line in program.splitlines() if line.strip() and '"""' not in line]
    core_lines, socket_lines = map(int, re.findall(r"about\s+(\d+)\s+lines,\s+and\s+(\d+)\s+more", PAGE)[0])
    begin, end, last = code.index("class Level1:"), _line(code, "async def run"), _line(code, "def answer")
    assert core_lines == pytest.approx(end - begin, abs=5)
    assert socket_lines == pytest.approx(last - end, abs=5)


def _line(code: list[str], start: str) -> int:
    return next(number for number, line in enumerate(code) if line.startswith(start))


@pytest.mark.parametrize(("arrow", "frame"), re.findall(r"^([→←]) (\{.*\})$", PAGE, re.MULTILINE))
def test_a_frame_that_the_page_shows_is_complete(arrow: str, frame: str) -> None:
    decode = messages.decode_client if arrow == "→" else messages.decode_server
    assert json.loads(messages.encode(decode(frame))) == json.loads(frame)
