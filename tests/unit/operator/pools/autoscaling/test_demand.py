import pytest

from switchboard_operator.pools.autoscaling.demand import Demand, measure
from switchboard_operator.pools.autoscaling.model import LoadObservation, PodLoad, Tuning

FULL = 150


def pod(name: str, sessions: float | None, **other: float | bool) -> PodLoad:
    return PodLoad(name, **{"ready": True, "age_s": 900.0, "sessions": sessions, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "pods", "last", "refused", "expected"),
    [
        ("no pods", [], {}, 0, Demand(0, 0, 0, 0, 0, 0)),
        ("all pods count", [pod("a", 90), pod("b", 70)], {}, 0, Demand(160, 160, 160, 2, 0, 0)),
        ("draining pods count", [pod("a", 90), pod("b", 70, draining=True)], {}, 0, Demand(160, 160, 160, 2, 0, 0)),
        ("pods that are not Ready count", [pod("a", 90, ready=False)], {}, 0, Demand(90, 90, 90, 1, 0, 0)),
        ("those turned away count", [pod("a", 150)], {}, 40, Demand(190, 190, 190, 1, 0, 0)),
        (
            "without a sample: empty, full, and as last seen",
            [pod("a", 90), pod("b", None)],
            {"b": 70},
            0,
            Demand(90, 90 + FULL, 160, 1, 1, 0),
        ),
        (
            "never sampled and old: may be full",
            [pod("a", 90), pod("b", None)],
            {},
            0,
            Demand(90, 90 + FULL, 90, 1, 1, 0),
        ),
        (
            "never sampled and young: empty",
            [pod("a", 90), pod("b", None, age_s=59)],
            {},
            0,
            Demand(90, 90, 90, 1, 0, 0),
        ),
        (
            "young, but it was sampled before",
            [pod("a", None, age_s=59)],
            {"a": 30},
            0,
            Demand(0, FULL, 30, 0, 1, 0),
        ),
        ("a late sample counts", [pod("a", 90, sample_age_s=30)], {}, 0, Demand(90, 90, 90, 1, 0, 30)),
        (
            "a stale one is as good as none, but says what there was",
            [pod("a", 90, sample_age_s=31)],
            {"a": 10},
            0,
            Demand(0, FULL, 90, 0, 1, 0),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_number_of_sessions(
    case: str, pods: list[PodLoad], last: dict[str, float], refused: float, expected: Demand
) -> None:
    found, _ = measure(LoadObservation(0, pods, len(pods), 100, FULL, 1, 9), last, refused, Tuning())
    assert found == expected


def test_the_last_samples_of_existing_pods_are_kept() -> None:
    pods = [pod("a", 5), pod("b", None), pod("young", None, age_s=1)]
    _, last = measure(LoadObservation(0, pods, 3, 100, FULL, 1, 9), {"a": 4, "b": 7, "gone": 9}, 0, Tuning())
    assert last == {"a": 5, "b": 7}
