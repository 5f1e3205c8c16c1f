"""The command line of the embedded cluster."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.kubectl import Kubectl

from switchboard_cluster.layout import Paths
from switchboard_cluster.system import in_netns

PROGRAM = (str(Path(sys.executable).with_name("switchboard-cluster")),)
TIMEOUT = 300.0
"""Seconds; a start takes about ten on a quiet machine."""


@dataclass(frozen=True)
class Answer:
    """The exit status, the JSON and the other output of a command."""

    status: int
    data: dict[str, Any]
    stderr: str

    @property
    def error(self) -> dict[str, str]:
        assert "error" in self.data, f"the command did not fail: {self}"
        found: dict[str, str] = self.data["error"]
        return found


@dataclass(frozen=True)
class Embedded:
    """A cluster with its own home, selected by `SWITCHBOARD_CLUSTER_HOME`."""

    paths: Paths
    netns: str | None = None
    """The network namespace that replaces the host's."""

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"SWITCHBOARD_CLUSTER_HOME": str(self.paths.root)}

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.paths.bin / "kubectl", self.paths.kubeconfig, before=tuple(in_netns(self.netns, [])))

    def start(self, *argv: str) -> "subprocess.Popen[bytes]":
        """Start a command in a process group of its own, so that it can be killed with its children."""
        log = self.paths.root.with_suffix(".log")
        with log.open("ab") as output:
            return subprocess.Popen(
                in_netns(self.netns, [*PROGRAM, *argv]),
                env=self.environment,
                start_new_session=True,
                stdout=output,
                stderr=output,
            )

    def ask(self, *argv: str, before: tuple[str, ...] = ()) -> Answer:
        """Run a command with `-o json`; `before` is a prefix of the command line, for example `setpriv`."""
        done = subprocess.run(
            in_netns(self.netns, [*before, *PROGRAM, *argv, "-o", "json"]),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        return Answer(done.returncode, json.loads(done.stdout or "{}"), done.stderr)

    def run(self, *argv: str) -> dict[str, Any]:
        """Run a command that must succeed, and return its JSON."""
        answer = self.ask(*argv)
        assert answer.status == 0, f"switchboard-cluster {' '.join(argv)}: {answer.data}\n{answer.stderr}"
        return answer.data

    def exec(self, place: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a node's namespaces."""
        return subprocess.run(
            in_netns(self.netns, [*PROGRAM, "exec", place, "--", *argv]),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
