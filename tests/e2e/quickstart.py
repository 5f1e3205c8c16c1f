"""Run `make up` for the tests."""

import re
import subprocess
from dataclasses import dataclass
from typing import Self

from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Kubectl
from tests.ports import free_port

from switchboard_cluster import layout, quickstart


@dataclass(frozen=True)
class Quickstart:
    """The Switchboard that `make up` has installed, its URL and its port."""

    url: str
    port: int
    kubectl: Kubectl

    @classmethod
    def up(cls, cluster: Embedded) -> Self:
        """Run `make up` on a free port, so that it does not disturb a quickstart on the default port."""
        port = free_port()
        return cls(last_url(make_up(port)), port, cluster.kubectl.within(quickstart.NAMESPACE))


def make_up(port: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", "up", f"PORT={port}"],
        cwd=layout.checkout_root(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def last_url(run: "subprocess.CompletedProcess[str]") -> str:
    """Return the URL in the last line that is not empty."""
    assert run.returncode == 0, run.stdout + run.stderr
    last = run.stdout.strip().splitlines()[-1]
    found = re.fullmatch(r"\s*(http://localhost:\d+)", last)
    assert found, f"the last line must be a URL: {last!r}"
    return found[1]
