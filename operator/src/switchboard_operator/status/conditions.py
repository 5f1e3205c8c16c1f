"""From facts to the conditions of a status, by the Kubernetes API conventions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from switchboard_crds.model import Condition, ConditionStatus
from switchboard_operator.kube.resources import Json

READY: Final = "Ready"


@dataclass(frozen=True)
class Fact:
    """What was found about one aspect of a resource."""

    type: str
    holds: bool | None
    """None: not known yet."""
    reason: str
    message: str
    in_progress: bool = False
    """Whether it will hold by itself after a while: no reason for a warning."""

    @property
    def status(self) -> ConditionStatus:
        """The condition's status."""
        return {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}[self.holds]


def ready(facts: Iterable[Fact]) -> Fact:
    """Sum the facts up: Ready if all hold, else for the reason of the first that does not."""
    for fact in facts:
        if fact.holds is not True:
            return Fact(READY, False, fact.reason, fact.message, fact.in_progress)
    return Fact(READY, True, READY, "All is as the spec says.")


def rfc3339(moment: datetime) -> str:
    """Return a moment as a status says it, in whole seconds of UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions(facts: Iterable[Fact], before: Sequence[Condition], generation: int, now: datetime) -> list[Json]:
    """Return the status's conditions; the transition time changes only with the status."""
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
