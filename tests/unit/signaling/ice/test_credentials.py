"""ICE servers with credentials for one client."""

import base64
import hashlib
import hmac

from switchboard_signaling.ice.credentials import ICE_TTL_MS, ice_servers, time_limited, ttl_ms
from switchboard_signaling.ice.directory import Directory, HmacAuth, Server, StaticAuth
from switchboard_signaling.wire.messages import IceServer

TURN = ["turn:turn.example:3478?transport=udp"]


def test_time_limited_credentials_follow_the_turn_rest_draft() -> None:
    username, credential = time_limited("north", "alice", 1433895918)
    assert username == "1433895918:alice"
    expected = hmac.new(b"north", b"1433895918:alice", hashlib.sha1).digest()
    assert credential == base64.b64encode(expected).decode()


def test_each_client_gets_its_own_credentials_that_expire() -> None:
    directory = Directory(servers=[Server(urls=TURN, auth=HmacAuth(secret="s", ttl_seconds=600))])
    assert ice_servers(directory, "alice", 1000.9) == [IceServer(TURN, *time_limited("s", "alice", 1600))]


def test_stun_static_and_open_servers_keep_their_order() -> None:
    directory = Directory(
        servers=[
            Server(stun_urls=["stun:a"], urls=["turn:a"], auth=StaticAuth(username="u", credential="c")),
            Server(urls=["turn:b"]),
            Server(stun_urls=["stun:c"]),
        ]
    )
    assert ice_servers(directory, "x", 0) == [
        IceServer(["stun:a"]),
        IceServer(["turn:a"], "u", "c"),
        IceServer(["turn:b"]),
        IceServer(["stun:c"]),
    ]


def test_unhealthy_servers_are_omitted_unless_all_are_unhealthy() -> None:
    sick, well = Server(urls=["turn:sick"], healthy=False), Server(urls=["turn:well"])
    assert ice_servers(Directory(servers=[sick, well]), "x", 0) == [IceServer(["turn:well"])]
    assert ice_servers(Directory(servers=[sick]), "x", 0) == [IceServer(["turn:sick"])]


def test_the_shortest_lifetime_of_a_credential_applies_to_all() -> None:
    assert ttl_ms(Directory()) == ICE_TTL_MS
    long, short = HmacAuth(secret="s", ttl_seconds=86400), HmacAuth(secret="s", ttl_seconds=60)
    assert ttl_ms(Directory(servers=[Server(auth=long), Server(auth=short), Server()])) == 60_000
