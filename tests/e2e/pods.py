"""Find, kill and wait for the quickstart's pods."""

from collections.abc import Callable

from tests.e2e.kubectl import Object, all_ready, ready
from tests.e2e.quickstart import Quickstart

from switchboard_crds import names

SIGNALING = f"{names.LABEL_NAME}={names.SIGNALING}"
TURN = f"{names.LABEL_NAME}={names.TURN}"
REDIS = f"{names.LABEL_NAME}={names.REDIS}"


def name_of(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def replaced(before: set[str], count: int) -> Callable[[list[Object]], bool]:
    """Return a condition for `count` ready pods, none of which is in `before`."""
    return lambda pods: all_ready(count)(pods) and before.isdisjoint(map(name_of, pods))


def signaling_pods(switchboard: Quickstart) -> list[Object]:
    found: list[Object] = switchboard.kubectl.wait_for(
        "pods", all_ready(2), "two signaling pods", timeout=120, selector=SIGNALING
    )
    return found


def kill(switchboard: Quickstart, *pods: str) -> None:
    switchboard.kubectl("delete", "pod", *pods, "--grace-period=0", "--force", "--wait=false")


def primaries(switchboard: Quickstart) -> list[str]:
    """Return the Valkey pods that report the role of a primary."""
    pods = switchboard.kubectl.json("get", "pods", f"--selector={REDIS}")["items"]
    return [name_of(pod) for pod in pods if ready(pod) and "role:master" in replication(switchboard, name_of(pod))]


def replication(switchboard: Quickstart, pod: str) -> str:
    script = "REDISCLI_AUTH=$(cat /etc/switchboard/redis/node-password) valkey-cli --user node info replication"
    done = switchboard.kubectl.run("exec", pod, "--", "sh", "-c", script)
    return done.stdout + done.stderr
