"""An API server with the chart installed, and the operator as a process with exactly the rights of the chart."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import pytest
from tests.e2e.apiserver import ApiServer, binaries, running
from tests.e2e.operator.kubelet import Kubelet, addresses
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.waiting import until
from tests.ports import free_port

CHART = Path(__file__).parents[3] / "charts" / "switchboard"
SYSTEM = "switchboard-system"
RELEASE = "switchboard"


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with the chart installed by Helm, shared by all tests of this folder."""
    with installed(tmp_path_factory.mktemp("api")) as server:
        yield server


@contextmanager
def installed(folder: Path) -> Iterator[ApiServer]:
    """Run an API server with the chart installed by Helm while the context is open."""
    found = binaries()
    if found is None:
        pytest.fail("no Kubernetes binaries. Remedy: switchboard-cluster build")
    with running(folder, found) as server:
        helm(server, "install", RELEASE, str(CHART), "--namespace", SYSTEM, "--create-namespace")
        yield server


def helm(server: ApiServer, *arguments: str) -> str:
    done = subprocess.run(
        [server.bin / "helm", f"--kubeconfig={server.kubeconfig}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Replica:
    """A running replica of the operator."""

    name: str
    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    _read: int = 0

    def answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def leads(self) -> bool:
        return self.answers("/readyz") and self.metric("switchboard_operator_leading") == 1

    def check_log(self) -> None:
        """Fail if the log has a new traceback since the last check."""
        logged = self.log.read_text()[self._read :]
        self._read += len(logged)
        assert "Traceback" not in logged, logged

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)


class Start(Protocol):
    """Starts a replica of the operator; `settings` override the chart's settings."""

    def __call__(self, name: str, settings: Mapping[str, str] = ...) -> Replica: ...


def launch(name: str, kubeconfig: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Replica:
    """Start a replica, which logs next to its kubeconfig, and return it once it answers."""
    port, log = free_port(), kubeconfig.with_name(f"{name}.log")
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "SWITCHBOARD_OPERATOR_NAMESPACE": SYSTEM,
        "SWITCHBOARD_OPERATOR_POD": name,
        "SWITCHBOARD_OPERATOR_LEASE": RELEASE,
        "SWITCHBOARD_OPERATOR_PORT": str(port),
        "SWITCHBOARD_SIGNALING_IMAGE": "signaling:test",
        "SWITCHBOARD_TURN_IMAGE": "turn:test",
        "SWITCHBOARD_REDIS_IMAGE": "valkey:test",
        **settings,
    }
    command = [Path(sys.executable).parent / "switchboard-operator", "run"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
    replica = Replica(name, process, port, log)
    until(lambda: replica.answers("/livez"), f"{name} answers", 30)
    return replica


class SharedOperator:
    """The operator that tests share, started for the first of them, since a start takes seconds.

    A test that starts replicas of its own stops this one first, since there is one Lease.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._replica: Replica | None = None

    def leading(self, api: ApiServer) -> Replica:
        """Start the operator if necessary, and return it once it leads."""
        if self._replica is None:
            self._replica = launch("shared", operator_kubeconfig(api, SYSTEM, RELEASE, self._folder))
            until(self._replica.leads, "the operator leads")
        return self._replica

    def stop(self) -> None:
        """Stop the operator if it runs."""
        if self._replica is not None:
            self._replica.stop()
            self._replica = None


@pytest.fixture(scope="session")
def shared_operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedOperator]:
    shared = SharedOperator(tmp_path_factory.mktemp("operator"))
    yield shared
    shared.stop()


@pytest.fixture
def start(api: ApiServer, shared_operator: SharedOperator, tmp_path: Path) -> Iterator[Start]:
    """Starts replicas of the operator; running ones are stopped after the test."""
    replicas: list[Replica] = []
    shared_operator.stop()
    kubeconfig = operator_kubeconfig(api, SYSTEM, RELEASE, tmp_path)

    def started(name: str, settings: Mapping[str, str] = MappingProxyType({})) -> Replica:
        replica = launch(name, kubeconfig, settings)
        replicas.append(replica)
        return replica

    yield started
    for replica in replicas:
        if replica.process.poll() is None:
            replica.stop()
        replica.check_log()


@pytest.fixture
def operator(api: ApiServer, shared_operator: SharedOperator) -> Iterator[Replica]:
    """The leading operator, shared with other tests."""
    replica = shared_operator.leading(api)
    yield replica
    replica.check_log()
    assert replica.process.poll() is None, f"the operator has exited: {replica.log.read_text()}"


@pytest.fixture
def namespace(api: ApiServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test."""
    name = request.node.name.lower().translate(str.maketrans("_[]., /'", "--------"))[:60].strip("-")
    api.rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    for kind in ("signalingpools", "turnfleets", "redisclusters"):
        api.rest.delete(kind, namespace=name)


@pytest.fixture(scope="session")
def free_addresses() -> Iterator[Iterator[str]]:
    """Addresses for pods."""
    with addresses() as free:
        yield free


@pytest.fixture
def kubelet(api: ApiServer, namespace: str, free_addresses: Iterator[str]) -> Iterator[Kubelet]:
    """Runs the pods of one pool."""
    found = Kubelet(api, namespace, free_addresses)
    yield found
    found.stop()


@pytest.fixture
def pool(api: ApiServer, namespace: str, kubelet: Kubelet) -> Pool:
    """A pool whose pods the test runs through `kubelet`."""
    return Pool(api, namespace, kubelet)


@pytest.fixture
def redis(api: ApiServer, namespace: str) -> Resource:
    """A RedisCluster for the pool's redisRef."""
    cluster = Resource(api, namespace, "RedisCluster", "store")
    cluster.apply()
    return cluster


def operator_kubeconfig(api: ApiServer, namespace: str, account: str, folder: Path) -> Path:
    """Return a kubeconfig with the rights of a ServiceAccount."""
    accounts = api.rest.kind("serviceaccounts")
    issued = api.rest.request("POST", accounts.path(namespace, account, "token"), {"spec": {}})
    config = json.loads(api.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": issued["status"]["token"]}
    path = folder / "operator.kubeconfig"
    path.write_text(json.dumps(config))
    return path


@contextmanager
def without_api_server(api: ApiServer) -> Iterator[None]:
    """Stop the API server while the context is open."""
    api.stop_process("kube-apiserver")
    try:
        yield
    finally:
        api.start_api_server()
