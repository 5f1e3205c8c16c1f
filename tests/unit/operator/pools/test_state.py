from tests.unit.operator.examples import pool

from switchboard_operator.pools.state import Figures


def test_the_figures_are_those_of_the_status() -> None:
    shown = pool(status={"sessions": 7, "sessionCapacity": 200, "scalingDecision": "load needs 2 pods"})
    assert Figures.published(shown) == Figures(7, 200, "load needs 2 pods")
