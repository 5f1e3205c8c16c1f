"""Conditions of a status, made from facts (Kubernetes API conventions). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from switchboard_crds.model import Condition, ConditionStatus
from switchboard_operator.kube.resources import Json

READY: Final = "Ready"


@dataclass(frozen=True)
class Fact:
    """Observed state of one aspect of a resource."""

    type: str
    holds: bool | None
    """None if unknown."""
    reason: str
    message: str
    in_progress: bool = False
    """Whether it is expected to hold soon without intervention, so that no warning is due."""

    @property
    def status(self) -> ConditionStatus:
        """Status of the condition."""
        return {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}[self.holds]


def ready(facts: Iterable[Fact]) -> Fact:
    """Return the Ready fact: true if all facts hold, else with the reason of the first one that does not."""
    for fact in facts:
        if fact.holds is not True:
            return Fact(READY, False, fact.reason, fact.message, fact.in_progress)
    return Fact(READY, True, READY, "The resource matches its spec.")


def unreadable(error: ValidationError) -> Fact:
    """Return the Ready fact of a resource that does not match this operator's model; it names the first such field."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    message = (
        f"The operator cannot read {field}: {first['msg']}. The resource's objects stay as they are. Remedy: correct"
        " the field, or install the operator and the CustomResourceDefinitions of the same version"
    )
    return Fact(READY, False, "Unreadable", message)


def rfc3339(moment: datetime) -> str:
    """Return a time in the format of a status: UTC, whole seconds (RFC 3339)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions(facts: Iterable[Fact], before: Sequence[Condition], generation: int, now: datetime) -> list[Json]:
    """Return the conditions of the facts; the transition time changes only when the status does."""
    known = {condition.type: condition for condition in before}
    result = []
    for fact in facts:
        old = known.get(fact.type)
        since = old.last_transition_time if old is not None and old.status == fact.status else now
        result.append(
            {
                "type": fact.type,
                "status": fact.status.value,
                "reason": fact.reason,
                "message": fact.message,
                "lastTransitionTime": rfc3339(since),
                "observedGeneration": generation,
            }
        )
    return result
