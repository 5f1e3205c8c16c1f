import pytest

from switchboard_operator.pools.autoscaling.explain import Term, change, number, reason

TERM = Term("buffer", 5, "412 sessions + 60 buffer, 100 per pod")


def test_a_decision_is_explained_by_its_reason_and_its_limit() -> None:
    assert reason(TERM, []) == "buffer needs 5 pods (412 sessions + 60 buffer, 100 per pod)"
    assert reason(TERM, ["scale-up limit 4x", "max 4"]).endswith("60 buffer, 100 per pod); scale-up limit 4x; max 4")
    assert (change(3, 5), change(5, 5)) == ("3 -> 5", "unchanged at 5")


@pytest.mark.parametrize(("value", "said"), [(412.0, "412"), (0.04, "0.0"), (3.26, "3.3"), (33.26, "33"), (-2, "-2")])
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said
