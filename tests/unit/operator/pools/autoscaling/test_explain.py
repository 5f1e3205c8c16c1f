import pytest

from switchboard_operator.pools.autoscaling.explain import Term, change, number, reason

TERM = Term("buffer", 5, "412 sessions + 60 free / 100")


def test_a_decision_says_what_won_and_what_limited_it() -> None:
    assert reason(TERM, []) == "buffer wants 5 (412 sessions + 60 free / 100)"
    assert reason(TERM, ["up limit 4x", "max 4"]).endswith("60 free / 100); up limit 4x; max 4")
    assert (change(3, 5), change(5, 5)) == ("3 -> 5", "5 stays")


@pytest.mark.parametrize(("value", "said"), [(412.0, "412"), (0.04, "0.0"), (3.26, "3.3"), (33.26, "33"), (-2, "-2")])
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said
