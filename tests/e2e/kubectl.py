"""kubectl for tests: typed, and with waits that report the last state on failure."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.e2e.rest import ApiError, rest_of

Object = dict[str, Any]
POLL = 0.2


@dataclass(frozen=True)
class Kubectl:
    """The administrator's kubectl of one cluster, in one namespace."""

    program: Path
    kubeconfig: Path
    namespace: str = "default"
    before: tuple[str, ...] = ()
    """A prefix of the command line, for example `nsenter`."""

    def within(self, namespace: str) -> "Kubectl":
        return replace(self, namespace=namespace)

    def run(self, *argv: str, stdin: str | None = None, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
        command = [
            *self.before,
            self.program,
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            *argv,
        ]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def __call__(self, *argv: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Return the output of a command that must succeed."""
        done = self.run(*argv, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"kubectl {' '.join(argv)}: {done.stderr.strip()}"
        return done.stdout

    def json(self, *argv: str) -> Any:
        return json.loads(self(*argv, "--output=json"))

    def apply(self, *objects: Object) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self("apply", "--server-side", "--filename=-", stdin=json.dumps(listed))

    def wait_for(
        self, what: str, condition: Callable[[Any], object], message: str, timeout: float = 60, selector: str = ""
    ) -> Any:
        """Poll `what` (as for `kubectl get`) until the condition holds, and return it.

        A list (`pods`) is passed as the list of its items. A failure contains the last state and the last events.
        """
        argv = ["get", *what.split(), "--output=json", *([f"--selector={selector}"] if selector else [])]
        deadline = time.monotonic() + timeout
        while True:
            found, error = self._get(*what.split(), *([f"--selector={selector}"] if selector else []))
            state = found["items"] if found and found["kind"] == "List" else found
            if state is not None and condition(state):
                return state
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout:.0f} s: {message}\n{self._details(argv, error)}")
            time.sleep(POLL)

    def _get(self, *argv: str) -> tuple[Any, str]:
        """Return the result of `kubectl get`, or None and the error; start a process only with a prefix."""
        if self.before:
            done = self.run("get", *argv, "--output=json")
            return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr
        try:
            return rest_of(self.kubeconfig).get(*argv, namespace=self.namespace), ""
        except (ApiError, OSError, HTTPException) as error:
            return None, str(error)

    def exec(self, pod: str, *argv: str) -> str:
        return self("exec", pod, "--", *argv)

    def _details(self, argv: list[str], errors: str) -> str:
        state = self.run(*argv[:-1] if argv[-1].startswith("--output") else argv, "--output=wide").stdout
        events = self.run("get", "events", "--sort-by=.lastTimestamp").stdout.splitlines()[-15:]
        return "\n".join([errors.strip(), state, *events])


def ready(obj: Object, condition: str = "Ready") -> bool:
    """Return whether an object's condition is True."""
    conditions = obj.get("status", {}).get("conditions", [])
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


def all_ready(count: int) -> Callable[[list[Object]], bool]:
    """Return a condition for `count` objects of which all are ready."""
    return lambda found: len(found) == count and all(map(ready, found))


def rolled_out(workload: Object) -> bool:
    """Return whether all pods of a Deployment or StatefulSet have its current template and are ready."""
    replicas, status = workload["spec"]["replicas"], workload.get("status", {})
    return bool(
        status.get("observedGeneration") == workload["metadata"]["generation"]
        and status.get("updatedReplicas") == status.get("readyReplicas") == status.get("replicas") == replicas
    )
