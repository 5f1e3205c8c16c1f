"""Log lines, and what they never contain."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession
from aiohttp.http_exceptions import BadHttpMessage
from tests.unit.signaling.jwts import secret_dir, token

from switchboard_signaling import logs
from switchboard_signaling.client import Client
from switchboard_signaling.client.core import Ended, MatchReady, PeerMessageReceived
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire.messages import Answer, Candidate, Chat, IceCandidate, Offer, Stats

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.dBjftJeZ4CVP-mBZ8Zzq5d8uJSkKzN1Xv2kY3lG0abc"
ADMIN = "an admin token of at least 32 bytes"
SDP = "v=0\r\no=- 1 1 IN IP4 203.0.113.7\r\n"
NOBODY: dict[str, Any] = {"match_id": "", "from_": "", "to": "", "seq": 0}


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What is written while logging is configured as in a process of its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield capsys
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(written: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.readouterr().out.splitlines()]


def fail_with_secrets() -> None:
    password = "hush"  # noqa: F841 - what a traceback must not show
    raise ValueError(f"cannot use {JWT}")


@pytest.mark.parametrize(
    ("error", "text"), [(OSError("cannot connect"), "cannot connect"), (TimeoutError(), "TimeoutError()")]
)
def test_an_exception_is_logged_as_its_text_or_its_name(
    error: Exception, text: str, console: pytest.CaptureFixture[str]
) -> None:
    logs.configure(ServerSettings(log_format="json"))
    structlog.get_logger("own").warning("store_unavailable", error=error)
    assert [line["error"] for line in lines(console)] == [text]


@pytest.mark.parametrize("shape", ["json", "console"])
def test_a_traceback_shows_no_variables_and_no_token(shape: str, console: pytest.CaptureFixture[str]) -> None:
    logs.configure(ServerSettings(log_format=shape))
    try:
        fail_with_secrets()
    except ValueError as error:
        structlog.get_logger("own").error("it failed", exc_info=error)
        logging.getLogger("aiohttp.server").exception("it failed too")
    written = console.readouterr().out
    assert written.count("fail_with_secrets") >= 2
    assert "cannot use [token]" in written
    assert JWT not in written
    assert "hush" not in written.replace('password = "hush"', "")


def test_a_line_is_json_with_pool_and_pod(console: pytest.CaptureFixture[str]) -> None:
    logs.configure(ServerSettings(log_format="json", pool="ns/pool", pod="pod-1"))
    structlog.get_logger("own").info("something", session="s", count=3)
    structlog.get_logger("own").debug("too much")
    [entry] = lines(console)
    assert {name: value for name, value in entry.items() if name not in ("level", "timestamp")} == {
        "pool": "ns/pool",
        "pod": "pod-1",
        "event": "something",
        "session": "s",
        "count": 3,
    }


def test_messages_of_other_libraries_have_no_client_addresses(console: pytest.CaptureFixture[str]) -> None:
    logs.configure(ServerSettings(log_format="json"))
    logging.getLogger("aiohttp.server").error("Error handling request from %s at 12:34:56", "203.0.113.9")
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "2001:db8::7")
    logging.getLogger("aiohttp.server").info("not a warning")
    assert [line["event"] for line in lines(console)] == [
        "Error handling request from [address] at 12:34:56",
        "Error handling request from [address]",
    ]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (f"token {JWT}!", "token [token]!"),
        ("Authorization: Bearer abcdef", "Authorization: Bearer [token]"),
        ("https://me:hush@keys.example/jwks", "https://[credentials]@keys.example/jwks"),
        (f"said {SDP}", "said [sdp]"),
        ("a=candidate:1 1 udp 1 203.0.113.7 9 typ host", "[sdp]"),
        ("Error 111 connecting to valkey-0.valkey.switchboard-system.svc:6379", None),
        ([{"sdp": SDP, "deep": [JWT]}], [{"sdp": "[hidden]", "deep": ["[token]"]}]),
        (ValueError(JWT), "[token]"),
        ({"token": "", "candidates": 4, "password": b"x"}, {"token": "", "candidates": 4, "password": "[hidden]"}),
        (None, None),
    ],
)
def test_anything_like_a_secret_is_replaced(given: object, written: object) -> None:
    assert logs.redact(None, "", {"value": given})["value"] == (given if written is None else written)


async def test_a_session_leaves_no_secret_in_the_log(tmp_path: Path) -> None:
    """Run sessions with all kinds of errors through the real server, and search everything that it wrote."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")},
        "SWITCHBOARD_ENVIRONMENT": "Staging", "SWITCHBOARD_LOG_LEVEL": "info", "SWITCHBOARD_HTTP_PORT": "0",
        "SWITCHBOARD_ADMIN_TOKEN_DIR": str(secret_dir(tmp_path / "admin", one=ADMIN.encode())),
        "SWITCHBOARD_HOST": "127.0.0.1", "SWITCHBOARD_INTERNAL_PORT": "0", "SWITCHBOARD_AUTH_TYPE": "SharedSecret",
        "SWITCHBOARD_AUTH_SECRET_DIR": str(secret_dir(tmp_path / "auth")), "TURN_SERVER_URL": "turn:t.example",
        "TURN_USERNAME": "u", "TURN_CREDENTIAL": "MARK-credential", "SWITCHBOARD_TRUSTED_PROXIES": "127.0.0.0/8",
    }  # fmt: skip
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; from switchboard_signaling.cli import main; sys.exit(main())", "serve",
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert server.stdout is not None
    written = []
    try:
        async with asyncio.timeout(20):
            while "ready: http" not in (line := (await server.stdout.readline()).decode()):
                written.append(line)
        url = line.split()[-1]
        [port] = [json.loads(line)["internal_port"] for line in written if '"listening"' in line]
        await watch(f"http://127.0.0.1:{port}/admin/watches/subject")
        secrets = [ADMIN, *await drive(url)]
    finally:
        server.send_signal(signal.SIGTERM)
        written += (await server.stdout.read()).decode().splitlines()
        await server.wait()
    text = "\n".join(written)
    events = [json.loads(line)["event"] for line in written if line.startswith("{")]
    assert events.count("session") == 4
    assert events.count("match") == 1
    assert events.count("watch_started") > 1
    assert events.count("frame_received") > 10
    assert events.count("frame_sent") > 10
    for secret in [*secrets, "MARK", "203.0.113", "2001:db8", "127.0.0.1"]:
        assert secret not in text.replace(url, "")


async def watch(url: str) -> None:
    """Watch the subjects of the call."""
    async with ClientSession(headers={"Authorization": f"Bearer {ADMIN}"}) as http:
        for subject in ("ada", "bob", "eve"):
            async with http.put(f"{url}/{subject}", json={"seconds": 60}) as response:
                assert response.status == 200


async def drive(url: str) -> list[str]:
    """Have a call with marked secrets, and all kinds of errors; return the secrets without a mark."""
    jwts = [token(sub=sub, note="MARK-claim") for sub in ("ada", "bob", "eve")]
    async with Client(f"{url}/ws", token=lambda _: jwts[0]) as one, Client(f"{url}/ws", token=lambda _: jwts[1]) as two:
        for client in (one, two):
            await client.join({"language": "MARK-attribute"})
        for client in (one, two):
            await client.wait_for(MatchReady)
        await one.say(Offer(sdp="v=0\r\nMARK-offer IN IP4 203.0.113.1\r\n", **NOBODY))
        await two.wait_for(PeerMessageReceived)
        await two.say(Answer(sdp="v=0\r\nMARK-answer\r\n", **NOBODY))
        await two.say(IceCandidate(candidates=[Candidate("candidate:1 1 udp 1 203.0.113.2 9 typ host")], **NOBODY))
        await one.say(Chat(id="c", text="MARK-chat", **NOBODY))
        await two.wait_for(PeerMessageReceived)
        await one.connection("connected", "relay")
        await one.report(Stats(match_id="", rtt_ms=20, loss=0.0))
        await one.drop()
        secrets = [client.session.token or "" for client in (one, two)]
        await two.leave()
        await one.wait_for(Ended)
    async with ClientSession() as http:
        hello = {"type": "hello", "socket": 1, "instance": "i", "auth": jwts[2]}
        rounds = (
            [hello, "{MARK", {"type": "MARK"}, {"type": "offer", "sdp": "MARK"}, {"type": "stats", "match": "MARK\n"}],
            [hello],
            [{**hello, "auth": jwts[2][:-4] + "AAAA"}],
            [
                {
                    "type": "resume",
                    "token": secrets[0][:-4] + "AAAA",
                    "socket": 1,
                    "instance": "i",
                    "intent": {"state": "idle"},
                }
            ],
        )
        for number, frames in enumerate(rounds):
            client_address = {"X-Forwarded-For": f"2001:db8:0:{number}::77"}
            async with http.ws_connect(f"{url}/ws", protocols=["switchboard.v1"], headers=client_address) as socket:
                for frame in frames:
                    await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))
                    await socket.receive(5)
        await http.get(f"{url}/api/webrtc/config", headers={"Authorization": f"Bearer {secrets[0]}"})
        await http.get(f"{url}/ws", headers={"Origin": "https://MARK.example"})
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(b"MARK / HTTP/1.1\r\nMARK\x00\r\n\r\n")
    await reader.read()
    writer.close()
    return [*jwts, *secrets]


@pytest.mark.parametrize(("error", "kept"), [(BadHttpMessage("not HTTP"), 0), (ValueError("our fault"), 1)])
def test_malformed_requests_are_no_errors_of_the_server(
    error: Exception, kept: int, console: pytest.CaptureFixture[str]
) -> None:
    logs.configure(ServerSettings(log_format="json"))
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
    assert len(lines(console)) == kept
