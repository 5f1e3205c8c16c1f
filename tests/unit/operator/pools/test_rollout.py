import pytest

from switchboard_operator.pools.rollout import Plan, RevisionState, plan, surge


def state(name: str, replicas: int, ready: int | None = None, existing: int | None = None) -> RevisionState:
    """Return a revision with all its pods there and serving, unless said otherwise."""
    return RevisionState(
        name, replicas, replicas if existing is None else existing, replicas if ready is None else ready
    )


@pytest.mark.parametrize(("wanted", "pods"), [(0, 1), (1, 1), (4, 1), (5, 2), (100, 25)])
def test_a_rollout_may_use_a_quarter_more_pods_and_at_least_one(wanted: int, pods: int) -> None:
    assert surge(wanted) == pods


@pytest.mark.parametrize(
    ("case", "wanted", "current", "older", "expected"),
    [
        ("a new pool gets all pods at once", 3, state("new", 0), [], Plan(3, {}, ())),
        ("scaled up", 5, state("new", 3), [], Plan(5, {}, ())),
        ("scaled down", 1, state("new", 3), [], Plan(1, {}, ())),
        ("scaled to nothing", 0, state("new", 3), [], Plan(0, {}, ())),
        ("a rollout begins with the surge", 4, state("new", 0), [state("old", 4)], Plan(1, {"old": 4}, ())),
        ("an old pod goes for a new one", 4, state("new", 1), [state("old", 4)], Plan(1, {"old": 3}, ())),
        ("the place of a gone pod is used", 4, state("new", 1), [state("old", 3)], Plan(2, {"old": 3}, ())),
        ("new pods that do not serve stop it", 4, state("new", 1, ready=0), [state("old", 4)], Plan(1, {"old": 4}, ())),
        ("pods that still end count", 4, state("new", 1), [state("old", 3, existing=4)], Plan(1, {"old": 3}, ())),
        ("the last old pod goes", 1, state("new", 1), [state("old", 1)], Plan(1, {"old": 0}, ())),
        ("a used up revision is named", 1, state("new", 1), [state("old", 0)], Plan(1, {"old": 0}, ("old",))),
        (
            "one whose pods still end is not used up",
            1,
            state("new", 1),
            [state("old", 0, existing=1)],
            Plan(1, {"old": 0}, ()),
        ),
        (
            "of two older ones, the one that serves is kept",
            2,
            state("new", 0),
            [state("a-broken", 2, ready=0), state("b-good", 2)],
            Plan(0, {"b-good": 2, "a-broken": 0}, ()),
        ),
        ("scaled to nothing in a rollout", 0, state("new", 1), [state("old", 2)], Plan(0, {"old": 0}, ())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_next_step(
    case: str, wanted: int, current: RevisionState, older: list[RevisionState], expected: Plan
) -> None:
    assert plan(wanted, current, older) == expected
