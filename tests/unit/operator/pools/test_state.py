from tests.unit.operator.pools.pods import by_name, out, replica_set, serving, starting

from switchboard_operator.pools.state import Moved


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
