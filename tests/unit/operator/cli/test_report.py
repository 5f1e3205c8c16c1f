from typing import Any

from tests.unit.operator.examples import pool, ready_condition

from switchboard_crds.model import ConditionStatus
from switchboard_operator.cli.report import DECISIONS, report, text


def event(note: str, at: str, uid: str = "uid-of-calls", reason: str = "Scaling") -> Any:
    return {"metadata": {}, "reason": reason, "note": note, "eventTime": at, "regarding": {"uid": uid}}


def draining() -> dict[str, Any]:
    message = "Draining pod calls-1 still holds sessions after 600 s."
    return {**ready_condition(ConditionStatus.FALSE), "type": "Drained", "reason": "TimedOut", "message": message}


CALLS = pool(
    status={
        "conditions": [ready_condition(), draining()],
        "replicas": 3,
        "readyReplicas": 3,
        "drainingReplicas": 1,
        "desiredReplicas": 2,
        "sessions": 60,
        "sessionCapacity": 200,
        "scalingDecision": "spec.replicas is 2.",
    }
)
EVENTS = [
    event("Scaling from 3 to 2 pods: spec.replicas is 2.", "2026-01-01T00:00:02.000000Z"),
    event("Scaling from 2 to 3 pods: spec.replicas is 3.", "2026-01-01T00:00:01.000000Z"),
    event("Moved 60 sessions from a to b.", "2026-01-01T00:00:01.500000Z", reason="Rebalanced"),
    event("of another pool", "2026-01-01T00:00:03.000000Z", uid="other"),
    event("no decision", "2026-01-01T00:00:03.000000Z", reason="Ready"),
]


def test_a_pool_is_reported_with_its_newest_decisions_first() -> None:
    [found] = report([CALLS], EVENTS)
    assert found["replicas"] == {"desired": 2, "existing": 3, "ready": 3, "draining": 1}
    assert (found["sessions"], found["capacity"], found["why"]) == (60, 200, "spec.replicas is 2.")
    assert (found["ready"]["holds"], found["drained"]["reason"]) == (True, "TimedOut")
    assert [item["decision"] for item in found["decisions"]] == [
        "Scaling from 3 to 2 pods: spec.replicas is 2.",
        "Moved 60 sessions from a to b.",
        "Scaling from 2 to 3 pods: spec.replicas is 3.",
    ]


def test_only_the_last_decisions_are_reported() -> None:
    many = [event(str(number), f"2026-01-01T00:00:{number:02}Z") for number in range(20)]
    [found] = report([CALLS], many)
    assert [item["decision"] for item in found["decisions"]] == [
        str(number) for number in range(19, 19 - DECISIONS, -1)
    ]


def test_a_new_pool_is_unknown() -> None:
    [found] = report([pool()], [])
    assert (found["ready"]["holds"], found["ready"]["reason"]) == (None, "Unknown")


def test_pools_are_printed_as_a_table_followed_by_their_problems() -> None:
    shown = text(report([CALLS, pool("a-new-one")], EVENTS))
    assert shown.splitlines() == [
        "NAMESPACE  POOL       READY  PODS  SCALING  DRAINING  SESSIONS  CAPACITY  WHY",
        "web        a-new-one  ?      0/0   Manual   0         0         0",
        "web        calls      yes    3/2   Manual   1         60        200       spec.replicas is 2.",
        "",
        "web/calls",
        "  drained: TimedOut: Draining pod calls-1 still holds sessions after 600 s.",
        "  2026-01-01T00:00:02  Scaling from 3 to 2 pods: spec.replicas is 2.",
        "  2026-01-01T00:00:01  Moved 60 sessions from a to b.",
        "  2026-01-01T00:00:01  Scaling from 2 to 3 pods: spec.replicas is 3.",
    ]


def test_an_autoscaled_pool_is_printed_with_its_bounds_and_obstacles() -> None:
    unsampled = {
        **ready_condition(ConditionStatus.FALSE),
        "type": "ScalingActive",
        "reason": "NoSamples",
        "message": "Why.",
    }
    auto = pool(autoscaling={"minReplicas": 2, "maxReplicas": 9}, status={"conditions": [unsampled]})
    [found] = report([auto], [])
    assert [found["scaling"][key] for key in ("mode", "min", "max", "holds")] == ["Auto", 2, 9, False]
    shown = text([found])
    assert "Auto 2-9" in shown
    assert "  scaling: NoSamples: Why." in shown.splitlines()


def test_a_report_without_pools_has_a_text() -> None:
    assert text([]) == "No SignalingPool found.\n"
