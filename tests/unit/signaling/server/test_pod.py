"""A pod built from its settings."""

from pathlib import Path

import pytest
from tests.unit.signaling.jwts import SECRET, secret_dir

from switchboard_crds.signaling_pool import AuthType
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.ice.directory import Server, StaticAuth
from switchboard_signaling.server.access.keys import KeysError
from switchboard_signaling.server.pod import make_pod, new_id, static_server
from switchboard_signaling.session.limits import UNLIMITED, Rate
from switchboard_signaling.settings import ServerSettings


def test_a_pod_without_nodes_keeps_its_sessions_and_a_pod_with_nodes_shares_them() -> None:
    alone, shared = make_pod(ServerSettings()), make_pod(ServerSettings(redis_nodes=("one:6379", "two:6380")))
    assert (type(alone.broker), alone.broker.durable) == (MemoryBroker, False)
    assert (type(shared.broker), shared.broker.durable) == (RedisBroker, True)


def test_a_restarted_pod_has_another_name() -> None:
    settings = ServerSettings(pod="pod-1")
    one, other = make_pod(settings).host.pod, make_pod(settings).host.pod
    assert one != other
    assert {name.rpartition(".")[0] for name in (one, other)} == {"pod-1"}


def test_sessions_get_the_limits_of_the_settings() -> None:
    settings = ServerSettings(
        heartbeat_seconds=5,
        heartbeat_interval=2000,
        resume_window_seconds=30,
        candidates_per_second=2,
        sdp_per_second=0,
    )
    host = make_pod(settings).host
    assert (host.timeouts.heartbeat_ms, host.timeouts.idle_heartbeat_ms) == (2000, 2000)
    assert host.timeouts.resume_window_ms == 30_000
    assert (host.candidates, host.sdp) == (Rate(2, 20), None)


@pytest.mark.parametrize(("frames", "limit"), [(0, UNLIMITED), (200, Rate(200, 400)), (0.1, Rate(0.1, 1))])
def test_a_client_may_send_at_once_what_it_may_send_in_two_seconds(frames: float, limit: Rate) -> None:
    assert make_pod(ServerSettings(frames_per_second=frames)).hub.frame_rate == limit


def test_clients_are_authenticated_unless_they_may_be_anonymous(tmp_path: Path) -> None:
    assert make_pod(ServerSettings()).host.auth_required is False
    secrets = secret_dir(tmp_path, one=SECRET)
    assert make_pod(ServerSettings(auth_type=AuthType.SHARED_SECRET, auth_secret_dir=secrets)).host.auth_required


@pytest.mark.parametrize("setting", ["key_dir", "internal_token_dir", "auth_secret_dir", "webhook_secret_dir"])
def test_an_unreadable_folder_of_secrets_prevents_the_start(setting: str, tmp_path: Path) -> None:
    more = {
        "auth_secret_dir": {"auth_type": "SharedSecret"},
        "webhook_secret_dir": {"webhook_url": "https://app.example/hook"},
    }
    with pytest.raises(KeysError, match=r"cannot read the keys in .*/missing"):
        make_pod(ServerSettings(**{setting: tmp_path / "missing"}, **more.get(setting, {})))


def test_unusable_certificates_of_the_store_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"put ca\.crt there"):
        make_pod(ServerSettings(redis_nodes=("store:6379",), redis_tls_dir=tmp_path))


def test_webhooks_are_sent_if_the_settings_have_a_url(tmp_path: Path) -> None:
    assert make_pod(ServerSettings()).webhooks is None
    hook = ServerSettings(webhook_url="https://app.example/hook", webhook_secret_dir=secret_dir(tmp_path, one=SECRET))
    assert make_pod(hook).webhooks is not None


def test_the_ice_server_of_the_settings_is_added_to_the_directory() -> None:
    assert static_server(ServerSettings()) is None
    stun = static_server(ServerSettings(turn_server_url="stun:s.example"))
    assert stun == Server(urls=[], stun_urls=["stun:s.example"], auth=None)
    turn = ServerSettings(
        turn_server_url="turn:t.example,stun:s.example", turn_username="user", turn_credential="password"
    )
    assert static_server(turn) == Server(
        urls=["turn:t.example"], stun_urls=["stun:s.example"], auth=StaticAuth(username="user", credential="password")
    )


def test_the_pods_gauges_are_read_when_totals_are_written() -> None:
    pod = make_pod(ServerSettings())
    assert pod.stats.live().sessions == 0
    pod.hub._detached["sid"] = 1.0
    assert pod.stats.live().sessions == 1


def test_ids_are_long_and_unique() -> None:
    ids = {new_id() for _ in range(100)}
    assert (len(ids), {len(one) for one in ids}) == (100, {22})
