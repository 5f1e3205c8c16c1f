"""Any input on the port before it is a WebSocket: no 500, no traceback, and answers as described."""

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from tests.fuzz.conftest import Bystanders, Target
from tests.fuzz.wire import RawSocket, upgrade_request

OPENAPI = Path(__file__).parents[2] / "docs" / "reference" / "openapi.yaml"
REAL = settings(
    max_examples=200,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
HEADER = st.none() | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Host", "Upgrade", "Connection", "Sec_WebSocket_Version", "Sec_WebSocket_Key", "Origin",
         "Sec_WebSocket_Protocol", "Content_Length", "Transfer_Encoding", "Sec_WebSocket_Extensions",
         "Authorization", "X_Forwarded_For"]
    ),
    HEADER,
    max_size=4,
)  # fmt: skip
REQUESTS = st.one_of(
    st.binary(max_size=300),
    HEADERS.map(lambda headers: upgrade_request(**headers)),
    st.builds(lambda cut: upgrade_request()[:cut], st.integers(0, 160)),
    st.builds(lambda headers, junk: upgrade_request(**headers) + junk, HEADERS, st.binary(max_size=100)),
    st.builds(
        lambda method, path: b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method, path),
        st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"TRACE", b"CONNECT", b"NONSENSE", b""]),
        st.sampled_from(
            [b"/", b"/ws", b"/health", b"/web/../settings.py", b"/web/%2e%2e/%2e%2e/settings.py", b"//", b"*", b"a:1",
             b"/web/" + b"a" * 9000, b"/health?" + b"x=y&" * 500, b"/\xff", b"http://[", b"/%00", b"/web/%00"]
        ),
    ),
    st.just(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
    st.just(b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 20000 + b"\r\n\r\n"),
)  # fmt: skip


@REAL
@given(REQUESTS)
def test_no_request_is_answered_by_a_server_error(server: Target, bystanders: Bystanders, request_bytes: bytes) -> None:
    with RawSocket(server.port) as wire:
        wire.send(request_bytes)
        wire.half_close()
        answer = wire.rest()
        assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
        assert b"Traceback" not in answer
    bystanders.talk()


api = schemathesis.openapi.from_path(str(OPENAPI)).include(tag="public").exclude(path="/ws")


@api.parametrize()
@settings(max_examples=50, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
def test_the_api_is_as_described(server: Target, case: Case) -> None:
    case.call_and_validate(base_url=f"http://127.0.0.1:{server.port}")
