from tests.unit.operator.examples import pool

from switchboard_operator.pools.demand import Decision, manual
from switchboard_operator.pools.samples import History


def test_by_hand_the_spec_decides() -> None:
    wanted = pool(replicas=3, redisRef={"name": "store"})
    assert manual(wanted, History(), 0.0) == Decision(3, "spec.replicas is 3.")
