"""`make up`, as a person runs it."""

import re
import subprocess
from dataclasses import dataclass
from typing import Self

from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Kubectl
from tests.ports import free_port

from switchboard_cluster import layout, quickstart


@dataclass(frozen=True)
class Made:
    """What `make up` has left running, and how it was run."""

    url: str
    port: int
    kubectl: Kubectl

    @classmethod
    def now(cls, cluster: Embedded) -> Self:
        """Run `make up` on a port of our own, so that a quickstart for people may run beside it."""
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


def last_url(made: "subprocess.CompletedProcess[str]") -> str:
    """Return the URL that stands in the last line that is not empty."""
    assert made.returncode == 0, made.stdout + made.stderr
    last = made.stdout.strip().splitlines()[-1]
    found = re.fullmatch(r"\s*(http://localhost:\d+)", last)
    assert found, f"the last line is no URL: {last!r}"
    return found[1]
