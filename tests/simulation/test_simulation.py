"""No schedule breaks an invariant of the protocol, and the simulation finds every planted bug."""

import os
from itertools import chain

import pytest
from tests.simulation.adversary import Schedule, broken, report, shrink
from tests.simulation.bugs import BUGS, FIRST
from tests.simulation.many import explore

SCHEDULES = int(os.environ.get("SIMULATION_SCHEDULES", "300"))
TRIES = 1000
"""Number of schedules within which a planted bug must be found; most are found within a few dozen."""


def test_no_schedule_breaks_an_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    found = explore(range(SCHEDULES))
    with capsys.disabled():
        print(f"\n{found}")
    for seed, violation in found.broken:
        pytest.fail(f"seed {seed}: {report(Schedule(seed), violation)}", pytrace=False)
    assert found.covers, f"not reached: {found.missed}"


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name](monkeypatch)
    seeds = chain([FIRST[name]] if name in FIRST else [], range(TRIES))
    found, violation = next(
        ((schedule, violation) for schedule in map(Schedule, seeds) if (violation := broken(schedule))), (None, None)
    )
    assert found is not None
    # A bug that cannot be planted raises one of these in every schedule, and must not count as found.
    assert not isinstance(violation.__cause__, TypeError | AttributeError | NameError), violation
    monkeypatch.undo()
    assert broken(found) is None


def test_a_schedule_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS["duplicates_are_delivered"](monkeypatch)
    schedule = next(schedule for schedule in map(Schedule, range(TRIES)) if broken(schedule))
    assert str(broken(schedule)) == str(broken(schedule))


def test_a_schedule_is_shrunk_to_the_relevant_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS["a_match_is_reported_while_forming"](monkeypatch)
    schedule = next(schedule for schedule in map(Schedule, range(TRIES)) if broken(schedule))
    violation = broken(schedule)
    assert violation is not None
    small = shrink(schedule, violation.rule)
    assert {act.kind for act in small.acts().values()} == {"join"}
    assert f"make simulate SEED={schedule.seed} ONLY=" in report(schedule, violation)
