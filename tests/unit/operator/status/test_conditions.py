from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from tests.unit.operator.examples import metadata

from switchboard_crds.model import Condition, ConditionStatus
from switchboard_crds.turn_fleet import TurnFleet
from switchboard_operator.status.conditions import Fact, conditions, ready, unreadable

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
EARLIER = datetime(2026, 4, 1, tzinfo=UTC)
GOOD = Fact("A", True, "Fine", "all well")
BAD = Fact("B", False, "Missing", "Secret x is missing")
UNKNOWN = Fact("C", None, "NotAsked", "nobody asked yet", in_progress=True)


def before(status: ConditionStatus) -> Condition:
    return Condition(
        type="B", status=status, reason="x", message="x", last_transition_time=EARLIER, observed_generation=1
    )


def test_a_resource_is_ready_if_all_conditions_are_true() -> None:
    assert ready([GOOD]).holds is True


def test_a_resource_is_not_ready_for_the_reason_of_its_first_false_condition() -> None:
    summary = ready([GOOD, BAD, UNKNOWN])
    assert (summary.holds, summary.reason, summary.message) == (False, "Missing", "Secret x is missing")


def test_a_condition_in_progress_makes_the_resource_in_progress() -> None:
    assert ready([UNKNOWN]).in_progress is True
    assert ready([BAD]).in_progress is False


def test_a_condition_has_all_fields_of_the_api_conventions() -> None:
    assert conditions([BAD], [], 7, NOW) == [
        {
            "type": "B",
            "status": "False",
            "reason": "Missing",
            "message": "Secret x is missing",
            "lastTransitionTime": "2026-05-01T12:00:00Z",
            "observedGeneration": 7,
        }
    ]


def test_the_transition_time_changes_only_with_the_status() -> None:
    same = conditions([BAD], [before(ConditionStatus.FALSE)], 2, NOW)
    changed = conditions([BAD], [before(ConditionStatus.TRUE)], 2, NOW)
    assert same[0]["lastTransitionTime"] == "2026-04-01T00:00:00Z"
    assert changed[0]["lastTransitionTime"] == "2026-05-01T12:00:00Z"


def test_a_missing_condition_is_unknown() -> None:
    assert conditions([UNKNOWN], [], 1, NOW)[0]["status"] == "Unknown"


def test_a_resource_that_cannot_be_read_names_the_field_and_the_remedy() -> None:
    with pytest.raises(ValidationError) as caught:
        TurnFleet.model_validate({"metadata": metadata("relays"), "spec": {"regions": [{"name": 7}]}})
    fact = unreadable(caught.value)
    assert (fact.type, fact.holds, fact.reason, fact.in_progress) == ("Ready", False, "Unreadable", False)
    assert fact.message == (
        "The operator cannot read spec.regions.0.name: Input should be a valid string. The resource's objects stay as"
        " they are. Remedy: correct the field, or install the operator and the CustomResourceDefinitions of the same"
        " version"
    )
