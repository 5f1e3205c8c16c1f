"""A fake scheduler, kubelet and signaling pods: each pod has an address, at which it answers the operator.

The addresses are from a range for benchmarks (RFC 2544) that a route makes local to this machine, since Kubernetes
accepts no loopback addresses in an EndpointSlice.
"""

import base64
import json
import random
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.apiserver import ApiServer
from tests.e2e.rest import ApiError

PORT = 9090


@contextmanager
def addresses() -> Iterator[Iterator[str]]:
    """Yield the addresses of a network that is routed to this machine while the context is open."""
    networks = [f"198.18.{number}" for number in random.sample(range(256), 256)]
    network = next(network for network in networks if _route("add", network))
    try:
        yield (f"{network}.{host}" for host in range(1, 255))
    finally:
        assert _route("del", network)


def _route(action: str, network: str) -> bool:
    """Add or delete a route; return whether it succeeded: another process of these tests may have the same one."""
    command = ["ip", "route", action, "local", f"{network}.0/24", "dev", "lo"]
    return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0


@dataclass
class FakePod:
    """The state of a signaling pod that its internal API reports."""

    name: str
    address: str
    sessions: int = 0
    asked: int = 0
    capacity: int = 100
    cordoned: bool = False
    answers: bool = True
    asked_for_samples: int = 0
    orders: list[tuple[str, int, str]] = field(default_factory=list)
    """Path, fence and token of each command, in order."""

    def sample(self) -> dict[str, Any]:
        return {
            "pod": self.name,
            "sessions": self.sessions,
            "connections": self.sessions,
            "leaving": self.asked,
            "capacity": self.capacity,
            "refused": 0,
            "cordoned": self.cordoned,
            "stopping": False,
        }


class Kubelet:
    """Runs the pods of one pool on two nodes in different zones."""

    def __init__(self, api: ApiServer, namespace: str, free: Iterator[str]) -> None:
        self._api, self._namespace, self._free = api, namespace, free
        self.nodes = [f"{namespace[:40]}-{zone}" for zone in "ab"]
        self.unschedulable: set[str] = set()
        self.serves: Callable[[Any], bool] = lambda _pod: True
        """Returns whether a pod becomes ready."""
        for name in self.nodes:
            labels = {"topology.kubernetes.io/zone": name}
            api.rest.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
        self._servers: dict[str, ThreadingHTTPServer] = {}
        self._lock = threading.Lock()
        self._assigned: set[str] = set()
        self._served: set[str] = set()
        self.pods: dict[str, FakePod] = {}
        """All pods by uid, including deleted ones."""
        self.clients_follow = True
        """Whether clients move on `goaway`."""

    def cordon(self, node: str) -> None:
        """Make a node unschedulable."""
        self._api.rest.patch("node", node, {"spec": {"unschedulable": True}})
        self.unschedulable.add(node)

    def stop(self) -> None:
        for node in self.nodes:
            self._api.rest.delete("node", node)
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def run(self, pods: list[Any]) -> None:
        """Start new pods if `serves` allows it, and delete terminating pods that have exited."""
        for pod in pods:
            uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
            if pod["metadata"].get("deletionTimestamp"):
                if not self.ended(pod):
                    continue
                with suppress(ApiError):  # it may be deleted already
                    self._api.rest.request("DELETE", self._path(name), {"gracePeriodSeconds": 0})
                continue
            if uid not in self._assigned:
                self._assigned.add(uid)
                self._bind(name)
            if uid not in self._served and self.serves(pod) and (address := self.started(pod)):
                self._served.add(uid)
                self.report(name, address, ready=True)

    def started(self, pod: Any) -> str | None:
        """Start a pod unless it is started; return its address once it is ready."""
        uid, address = pod["metadata"]["uid"], next(self._free)
        self.pods[uid] = fake = FakePod(pod["metadata"]["name"], address)
        self._servers[uid] = server = ThreadingHTTPServer((address, PORT), self._handler(fake))
        server.socket = self._tls(pod).wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        return address

    def secret(self, pod: Any, volume: str, folder: Path) -> Path:
        """Mount the Secret of a pod's volume in a subfolder of `folder`, and return the subfolder."""
        (mounted := folder / volume).mkdir(parents=True, exist_ok=True)
        (name,) = (one["secret"]["secretName"] for one in pod["spec"]["volumes"] if one["name"] == volume)
        for file, content in self._api.get("-n", self._namespace, "secret", name)["data"].items():
            (mounted / file).write_bytes(base64.b64decode(content))
        return mounted

    def _tls(self, pod: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            files = self.secret(pod, "internal-tls", Path(folder))
            context.load_cert_chain(files / "tls.crt", files / "tls.key")
        return context

    def ended(self, pod: Any) -> bool:
        """Stop a pod, and return whether it has exited."""
        return True

    def _bind(self, pod: str) -> None:
        free = [node for node in self.nodes if node not in self.unschedulable]
        target = {"apiVersion": "v1", "kind": "Node", "name": free[len(self._assigned) % len(free)]}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
        with suppress(ApiError):  # it may be deleted already
            self._api.rest.request("POST", self._path(pod, "binding"), binding)

    def _path(self, pod: str, subresource: str = "") -> str:
        return self._api.rest.kind("pods").path(self._namespace, pod, subresource)

    def report(self, name: str, address: str, *, ready: bool, restarts: int = 0) -> None:
        """Write a pod's status, with the current time as its last transition."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": now}],
            "containerStatuses": [
                {
                    "name": "signaling", "image": "", "imageID": "", "restartCount": restarts, "ready": ready,
                    "started": True, "state": {"running": {}},
                }
            ],
        }  # fmt: skip
        with suppress(ApiError):  # it may be deleted already
            self._api.patch_status(self._namespace, "pods", name, status)

    def fakes(self, pods: list[Any]) -> list[FakePod]:
        """Return the states of these pods, ordered by sessions."""
        found = [self.pods[pod["metadata"]["uid"]] for pod in pods if pod["metadata"]["uid"] in self.pods]
        return sorted(found, key=lambda pod: pod.sessions)

    def order(self, pod: FakePod, path: str, fence: int, token: str, body: dict[str, Any]) -> None:
        with self._lock:
            pod.orders.append((path, fence, token))
            match path.rpartition("/")[2]:
                case "cordon":
                    pod.cordoned = True
                case "uncordon":
                    pod.cordoned = False
                case "goaway":
                    self._move(pod, body["count"])

    def _move(self, pod: FakePod, count: int) -> None:
        """Move sessions to the pods with the fewest ones, if clients follow."""
        if not self.clients_follow:
            pod.asked += count
            return
        others = [other for other in self.pods.values() if not other.cordoned and other.answers]
        for _ in range(min(count, pod.sessions)):
            if not others:
                return
            target = min(others, key=lambda other: other.sessions)
            target.sessions += 1
            pod.sessions -= 1

    def _handler(self, pod: FakePod) -> type[BaseHTTPRequestHandler]:
        kubelet = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pod.asked_for_samples += 1
                self._answer()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                token = self.headers["Authorization"].removeprefix("Bearer ")
                kubelet.order(pod, self.path, int(self.headers["Switchboard-Fence"]), token, body)
                self._answer()

            def _answer(self) -> None:
                data = json.dumps(pod.sample()).encode()
                self.send_response(200 if pod.answers else 503)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
