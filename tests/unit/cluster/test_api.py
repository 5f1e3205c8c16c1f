"""The client of the API server, against a small TLS server."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from switchboard_cluster import api
from switchboard_cluster.api import ApiServer, UnreachableError
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.pki import Authority, Subject


class Handler(BaseHTTPRequestHandler):
    """Answers like an API server, and records the requests."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}
    asked: ClassVar[list[tuple[str, str, str | None, Any, str]]] = []

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        user = dict(pair[0] for pair in self.connection.getpeercert()["subject"])["commonName"]  # type: ignore[attr-defined]
        self.asked.append((self.command, self.path, self.headers.get("Content-Type"), body, user))
        status, text = self.answers.get(self.path.split("?")[0], (404, '{"kind": "Status"}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PATCH = answer  # noqa: N815 - the names are http.server's

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("pki"))
    made.issue(Subject("apiserver", "kube-apiserver", hosts=("127.0.0.1",)))
    made.issue(Subject("admin", "switchboard-admin", "system:masters"))
    return made


@pytest.fixture
def server(authority: Authority) -> Iterator[ThreadingHTTPServer]:
    Handler.answers, Handler.asked = {"/readyz": (200, "ok")}, []
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.folder / "ca.crt"))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(authority.folder / "apiserver.crt", authority.folder / "apiserver.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.socket = tls.wrap_socket(made.socket, server_side=True)
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server: ThreadingHTTPServer, authority: Authority, tmp_path: Path) -> ApiServer:
    authority.kubeconfig("admin", f"https://127.0.0.1:{server.server_port}", tmp_path / "kubeconfig")
    return ApiServer(tmp_path / "kubeconfig")


def test_a_server_that_answers_ok_is_ready(client: ApiServer) -> None:
    assert client.ready()


def test_a_starting_server_is_not_ready(client: ApiServer) -> None:
    Handler.answers["/readyz"] = (500, "[-]poststarthook/rbac/bootstrap-roles failed")
    assert not client.ready()


def test_an_unreachable_server_is_not_ready(authority: Authority, tmp_path: Path) -> None:
    authority.kubeconfig(
        "admin", "https://127.0.0.1:9", tmp_path / "kubeconfig"
    )  # the discard port, without a listener
    client = ApiServer(tmp_path / "kubeconfig")
    assert not client.ready()
    with pytest.raises(UnreachableError) as caught:
        client.request("GET", "/readyz")
    assert caught.value.code == "api-unreachable"
    assert "logs kube-apiserver" in caught.value.remedy


def test_a_server_of_another_authority_is_not_trusted(
    server: ThreadingHTTPServer, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "other")
    stranger.issue(Subject("admin", "switchboard-admin", "system:masters"))
    stranger.kubeconfig("admin", f"https://127.0.0.1:{server.server_port}", tmp_path / "kubeconfig")
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        ApiServer(tmp_path / "kubeconfig").request("GET", "/readyz")


def test_without_a_cluster_the_error_has_the_command_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as caught:
        ApiServer(tmp_path / "kubeconfig")
    assert (caught.value.code, caught.value.remedy) == ("no-cluster", "switchboard-cluster up")


def test_a_refused_request_raises_the_message_of_the_server(client: ApiServer) -> None:
    Handler.answers["/api/v1/nodes"] = (403, '{"message": "nodes is forbidden"}')
    with pytest.raises(ClusterError, match=r"GET /api/v1/nodes: 403 .*nodes is forbidden") as caught:
        client.list("/api/v1/nodes")
    assert caught.value.code == "api-refused"


def test_a_list_returns_its_items(client: ApiServer) -> None:
    Handler.answers["/api/v1/nodes"] = (200, '{"items": [{"kind": "Node"}]}')
    assert client.list("/api/v1/nodes") == [{"kind": "Node"}]


def test_requests_have_the_administrators_certificate(client: ApiServer) -> None:
    client.ready()
    assert Handler.asked == [("GET", "/readyz", None, None, "switchboard-admin")]


def test_an_object_is_applied_server_side_to_its_own_path(client: ApiServer) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps"
    Handler.answers[f"{path}/coredns"] = (200, '{"kind": "ConfigMap"}')
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns"}}
    assert client.apply(path, applied) == {"kind": "ConfigMap"}
    [(method, asked, kind, body, _)] = Handler.asked
    assert (method, kind, body) == ("PATCH", "application/apply-patch+yaml", applied)
    assert asked == f"{path}/coredns?fieldManager=switchboard-cluster&force=true"


def test_a_condition_is_read_from_an_objects_status() -> None:
    node = {
        "status": {"conditions": [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": "True"}]}
    }
    assert api.condition(node, "Ready") == "True"
    assert api.condition(node, "Gone") == "Unknown"
    assert api.condition({}, "Ready") == "Unknown"
