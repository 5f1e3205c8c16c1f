from switchboard_operator.owned.references import References

POOL = ("SignalingPool", "web", "calls")
OTHER = ("SignalingPool", "web", "talks")
NORTH = ("TurnFleet", "web", "north")
SOUTH = ("TurnFleet", "web", "south")


def test_a_target_has_its_references() -> None:
    references = References()
    references.set(POOL, [NORTH])
    references.set(OTHER, [NORTH, SOUTH])
    assert references.to(NORTH) == {POOL, OTHER}
    assert references.to(SOUTH) == {OTHER}
    assert references.to(POOL) == frozenset()


def test_setting_references_returns_the_added_and_removed_ones() -> None:
    references = References()
    assert references.set(POOL, [NORTH]) == {NORTH}
    assert references.set(POOL, [NORTH]) == set()
    assert references.set(POOL, [SOUTH]) == {NORTH, SOUTH}
    assert references.to(NORTH) == frozenset()


def test_a_deleted_resource_has_no_references() -> None:
    references = References()
    references.set(POOL, [NORTH])
    references.set(OTHER, [NORTH])
    assert references.set(POOL, []) == {NORTH}
    assert references.to(NORTH) == {OTHER}
