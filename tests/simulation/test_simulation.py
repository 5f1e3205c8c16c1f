"""The protocol keeps its promises in every schedule that was tried, and the simulation notices when it does not."""

import os

import pytest
from tests.simulation.adversary import FAULTS, STEPS, Run, Schedule, broken, report, shrink
from tests.simulation.bugs import BUGS, SEEDS
from tests.simulation.invariants import ViolationError

SCHEDULES = int(os.environ.get("SIMULATION_SCHEDULES", "300"))
TRIES = 60
"""How many draws of the delays a schedule is tried with that shows a bug: a change of the cores moves them."""


def test_no_schedule_breaks_an_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    reached = {(fault, step): 0 for fault in FAULTS for step in STEPS}
    for seed in range(SCHEDULES):
        run = Run(Schedule(seed))
        try:
            run.go()
        except ViolationError as violation:
            pytest.fail(f"seed {seed}: {report(run.schedule, violation)}", pytrace=False)
        for place, times in run.reached.items():
            reached[place] += times
    with capsys.disabled():
        print(f"\n{SCHEDULES} schedules; how often each fault met a client at each step:")
        for fault in FAULTS:
            print(f"  {fault:<16}", *(f"{step} {reached[fault, step]:<5}" for step in STEPS))
    missed = [place for place, times in reached.items() if not times]
    assert len(missed) <= (0 if SCHEDULES >= 2000 else len(reached) // 10), f"not reached: {missed}"


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = (Schedule(SEEDS[name], world=world) for world in range(TRIES))
    BUGS[name](monkeypatch)
    found = next((schedule for schedule in tries if broken(schedule)), None)
    assert found is not None
    monkeypatch.undo()
    assert broken(found) is None


def test_a_schedule_does_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS["duplicates_are_shown"](monkeypatch)
    schedule = Schedule(SEEDS["duplicates_are_shown"])
    assert str(broken(schedule)) == str(broken(schedule))


def test_a_schedule_is_shrunk_to_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS["a_match_is_shown_while_forming"](monkeypatch)
    schedule = Schedule(SEEDS["a_match_is_shown_while_forming"])
    violation = broken(schedule)
    assert violation is not None
    small = shrink(schedule, violation.rule)
    assert {act.kind for act in small.acts().values()} == {"join"}
    assert f"make simulate SEED={schedule.seed} ONLY=" in report(schedule, violation)
