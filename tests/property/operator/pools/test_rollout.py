"""A rollout, simulated to its end: pods start and stop in any order that the cluster likes."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from switchboard_operator.pools.rollout import RevisionState, plan, surge


@dataclass
class Revision:
    """A ReplicaSet with its controller."""

    replicas: int = 0
    existing: int = 0
    ready: int = 0

    def step(self, start: bool) -> None:
        self.existing = self.replicas
        self.ready = min(self.ready, self.existing)
        if start and self.ready < self.existing:
            self.ready += 1

    def state(self, name: str) -> RevisionState:
        return RevisionState(name, self.replicas, self.existing, self.ready)


@given(
    wanted=st.integers(0, 12),
    before=st.integers(0, 12),
    starts=st.lists(st.booleans(), max_size=40),
)
def test_a_rollout_ends_with_the_current_revision_and_keeps_capacity(
    wanted: int, before: int, starts: list[bool]
) -> None:
    old, new = Revision(before, before, before), Revision()
    floor = min(wanted, before)
    for start in [*starts, *[True] * 60]:
        step = plan(wanted, new.state("new"), [old.state("old")])
        assert step.older["old"] <= old.replicas, "an older revision never grows"
        new.replicas, old.replicas = step.current, step.older["old"]
        new.step(start)
        old.step(start=False)
        assert new.ready + old.ready >= floor, "serving pods never drop below what was served and is wanted"
        assert new.replicas + old.replicas <= max(before, wanted + surge(wanted))
    assert (new.ready, old.existing) == (wanted, 0)
    assert plan(wanted, new.state("new"), [old.state("old")]).used_up == ("old",)


@given(wanted=st.integers(0, 12), before=st.integers(0, 12))
def test_a_revision_that_never_serves_takes_no_serving_pod_away(wanted: int, before: int) -> None:
    old, new = Revision(before, before, before), Revision()
    for _ in range(30):
        step = plan(wanted, new.state("new"), [old.state("old")])
        new.replicas, old.replicas = step.current, step.older["old"]
        new.step(start=False)
        old.step(start=False)
    assert old.ready == min(wanted, before)
