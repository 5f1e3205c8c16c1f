"""A real API server without nodes (etcd, kube-apiserver, kube-controller-manager), ready in about 4 seconds.

It is for tests of the API's own behaviour: CEL rules, server-side apply, watches, Leases, garbage collection. Pods are
created but never run; a test writes their status in place of a kubelet.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.e2e.rest import Rest
from tests.ports import free_port

TOKEN = "only-for-tests"
START_SECONDS = 60.0


def binaries() -> Path | None:
    """Return the folder of the Kubernetes binaries of `switchboard-cluster build`, or None."""
    folder = Path(os.environ.get("SWITCHBOARD_TEST_BIN", "build/cluster/bin")).resolve()
    return folder if (folder / "kube-apiserver").exists() else None


@dataclass
class ApiServer:
    """An API server with its own etcd and folder."""

    folder: Path
    bin: Path
    port: int = field(default_factory=free_port)
    etcd_port: int = field(default_factory=free_port)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    logs: list[IO[bytes]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    def start(self) -> None:
        self._write_files()
        peer = f"http://127.0.0.1:{free_port()}"
        client = f"http://127.0.0.1:{self.etcd_port}"
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )
        self.start_api_server()
        self._spawn(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            "--controllers=*,-node-lifecycle-controller,-node-ipam-controller,-service-lb-controller",
        )

    def start_api_server(self) -> None:
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder / 'certs'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--service-account-key-file={self.folder / 'sa.key'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            f"--audit-policy-file={self.folder / 'audit-policy.json'}",
            f"--audit-log-path={self.audit_log}",
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.rest.ready():
            if time.monotonic() > deadline or self.processes["kube-apiserver"].poll() is not None:
                raise RuntimeError(f"no API server; see {self.folder / 'kube-apiserver.log'}")
            time.sleep(0.1)

    def kubectl(self, *arguments: str, check: bool = True, stdin: str | None = None) -> str:
        """Return the output of kubectl; without `check`, also its errors."""
        done = subprocess.run(
            [self.bin / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout + ("" if check else done.stderr)

    @cached_property
    def rest(self) -> Rest:
        """A client in this process, which is faster than kubectl."""
        return Rest(self.kubeconfig)

    def get(self, *arguments: str) -> Any:
        """Return the result of `kubectl get` as JSON."""
        return self.rest.get(*arguments)

    def patch_status(self, namespace: str, kind: str, name: str, status: Any) -> None:
        """Merge a patch into an object's status. Raises ApiError."""
        self.rest.patch(kind, name, {"status": status}, namespace, "status")

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the operator's completed writes in the audit log, except for Leases."""
        events = [json.loads(line) for line in self.audit_log.read_text().splitlines()[since:]]
        return [
            event
            for event in events
            if event["userAgent"].startswith(("switchboard", "kopf"))
            and event["verb"] not in {"get", "list", "watch"}
            and event["objectRef"].get("resource") != "leases"
        ]

    def stop(self) -> None:
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            self.stop_process(name)
        for log in self.logs:
            log.close()

    def stop_process(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        if name == "kube-apiserver":
            self.rest.close()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait(5)

    def _spawn(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.logs.append(log)
        self.processes[name] = subprocess.Popen([self.bin / name, *arguments], stdout=log, stderr=log)

    def _write_files(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        (self.folder / "sa.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (self.folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [{"level": "Metadata"}],
        }
        (self.folder / "audit-policy.json").write_text(json.dumps(policy))
        cluster = {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": "admin", "user": {"token": TOKEN}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
                }
            )
        )


@contextmanager
def running(folder: Path, bin_folder: Path) -> Iterator[ApiServer]:
    """Run an API server while the context is open."""
    server = ApiServer(folder, bin_folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
