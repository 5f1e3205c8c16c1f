from datetime import UTC, datetime

import pytest
from tests.unit.operator.pools.pods import by_name, out, replica_set, serving, starting

from switchboard_operator.pools.drain import Steps
from switchboard_operator.pools.snapshot import PodSnapshot
from switchboard_operator.pools.state import Moved, last_move, loads


def test_pods_are_counted_by_what_becomes_of_them() -> None:
    sets = by_name(
        replica_set(serving("a"), starting("b"), serving("c", evacuate=True), out("d")),
        replica_set(serving("e", revision="old"), name="old"),
    )
    found = Moved("new", sets)
    assert len(found.pods) == 5
    assert (len(found.right), found.serving, found.others) == (3, 1, 2)
    assert found.replacing


def test_a_set_without_pods_is_still_to_be_deleted() -> None:
    assert Moved("new", by_name(replica_set(), replica_set(name="old"))).replacing
    assert not Moved("new", by_name(replica_set(serving("a")))).replacing


def test_the_loads_are_of_pods_that_answer() -> None:
    assert loads(by_name(replica_set(serving("a", 5), serving("b", sample=None)))) == {"a": 5}


EARLIER, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("case", "pod", "moving", "before", "found"),
    [
        ("nothing moves", serving("a"), False, EARLIER, EARLIER),
        ("nothing ever moved", serving("a"), False, None, None),
        ("it begins", serving("a"), True, EARLIER, NOW),
        ("it goes on", out("a"), True, EARLIER, EARLIER),
        ("it goes on, and nobody noted when it began", out("a"), True, None, NOW),
        ("it ends", out("a"), False, EARLIER, NOW),
    ],
)
def test_moves_are_noted_as_they_begin_and_end(
    case: str, pod: PodSnapshot, moving: bool, before: datetime | None, found: datetime | None
) -> None:
    steps = Steps(out=(pod,)) if moving else Steps()
    assert last_move(before, by_name(replica_set(pod)), steps, NOW) == found
