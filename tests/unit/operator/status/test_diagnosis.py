from typing import Any

import pytest
from tests.unit.operator.examples import going, pod

from switchboard_operator.status.diagnosis import diagnose, is_active, is_ready


def stuck(reason: str, **more: str) -> Any:
    return pod(containerStatuses=[{"name": "signaling", "state": {"waiting": {"reason": reason, **more}}}])


@pytest.mark.parametrize(
    ("waiting", "reason", "remedy"),
    [
        ("ErrImagePull", "ImagePull", "registry credentials"),
        ("ImagePullBackOff", "ImagePull", "registry credentials"),
        ("InvalidImageName", "ImagePull", "correct the image name"),
        ("ErrImageNeverPull", "ImagePull", "load the image"),
        ("CreateContainerConfigError", "ContainerConfig", "create the object that the message names"),
        ("CrashLoopBackOff", "CrashLoop", "kubectl logs --previous"),
    ],
)
def test_a_stuck_container_is_named_with_its_remedy(waiting: str, reason: str, remedy: str) -> None:
    found = diagnose([stuck(waiting, message='secret "x" not found')])
    assert found is not None
    assert found[0] == reason
    assert "Pod web/calls-1, container signaling" in found[1]
    assert 'secret "x" not found' in found[1]
    assert remedy in found[1]


def test_an_unschedulable_pod_is_a_problem() -> None:
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes."}
    found = diagnose([pod(conditions=[unschedulable])])
    assert found == (
        "Unschedulable",
        "Pod web/calls-1: 0/3 nodes. Remedy: add a matching node, or lower the pod's requests",
    )


def test_an_init_container_counts() -> None:
    waiting = {"name": "write-secrets", "state": {"waiting": {"reason": "ErrImagePull"}}}
    found = diagnose([pod(initContainerStatuses=[waiting])])
    assert found is not None
    assert "write-secrets: ErrImagePull" in found[1]


@pytest.mark.parametrize("healthy", [pod(), stuck("ContainerCreating"), pod(ready=True), going(stuck("ErrImagePull"))])
def test_starting_ready_and_terminating_pods_are_no_problem(healthy: Any) -> None:
    assert diagnose([healthy]) is None


def test_a_pod_without_a_status_is_no_problem() -> None:
    assert diagnose([{"metadata": {"name": "a", "namespace": "web"}}]) is None


def test_a_pod_serves_if_it_is_ready_and_not_terminating() -> None:
    assert is_ready(pod(ready=True))
    assert not is_ready(pod())
    assert not is_ready(going(pod(ready=True)))
    assert not is_ready({"metadata": {}})


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_finished_pod_neither_serves_nor_is_a_problem(phase: str) -> None:
    """An evicted pod keeps its address and its conditions until it is deleted."""
    assert not is_active(pod(phase=phase))
    assert not is_ready(pod(ready=True, phase=phase))
    assert diagnose([{**stuck("ErrImagePull"), "status": {**stuck("ErrImagePull")["status"], "phase": phase}}]) is None


def test_a_pod_that_starts_or_runs_is_active() -> None:
    assert is_active(pod())
    assert is_active(pod(phase="Running"))
    assert not is_active(going(pod(phase="Running")))
    assert is_active({"metadata": {}})
