from typing import Any

import pytest
from tests.unit.operator.pools.pods import sample

from switchboard_operator.pools.autoscaling.model import PodLoad
from switchboard_operator.pools.samples import HISTORY_SECONDS, PoolObservation, Sample, SampleHistory

ANSWER = {
    "pod": "a", "sessions": 3, "connections": 2, "leaving": 1, "capacity": 9, "refused": 4, "cordoned": True,
}  # fmt: skip


def observation(at: float, *sessions: int | None) -> PoolObservation:
    return PoolObservation(at, tuple(PodLoad(str(number), True, 1.0, one) for number, one in enumerate(sessions)))


def test_a_pods_sample_is_parsed() -> None:
    assert Sample.read(ANSWER, 5.0) == Sample(5.0, 3, 2, 1, 9, True, 4)


@pytest.mark.parametrize("answer", [{}, {**ANSWER, "sessions": "many"}, {**ANSWER, "leaving": None}])
def test_an_invalid_sample_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="malformed sample"):
        Sample.read(answer, 0.0)


def test_an_old_sample_is_ignored() -> None:
    history = SampleHistory()
    history.record("uid", sample(3))
    assert history.sample("uid", 10.0) == sample(3)
    assert history.sample("uid", 10.1) is None
    assert history.sample("another", 0.0) is None


def test_old_samples_and_deleted_pods_are_forgotten() -> None:
    history = SampleHistory()
    history.record("gone", sample())
    history.record("here", sample())
    history.add(observation(0.0, 1), ["here"])
    assert set(history.newest) == {"here"}
    history.add(observation(HISTORY_SECONDS, 1), ["here"])
    history.add(observation(HISTORY_SECONDS + 1, 1), ["here"])
    assert [one.at for one in history.observations] == [HISTORY_SECONDS, HISTORY_SECONDS + 1]


def test_sessions_move_while_their_number_changes() -> None:
    history = SampleHistory()
    assert history.changing
    history.add(observation(0.0, 1, None), [])
    history.add(observation(1.0, 1), [])
    assert not history.changing
    history.add(observation(2.0, 2), [])
    assert history.changing


def test_refused_clients_count_once() -> None:
    history = SampleHistory()
    history.record("old", sample(refused=40))
    assert history.refused("old") == 0, "what was before the first observation is not of now"
    history.add(observation(0.0, 1), ["old"])
    assert history.refused("old") == 0
    history.record("old", sample(refused=43))
    history.record("new", sample(refused=5))
    assert [history.refused(uid) for uid in ("old", "new", "silent")] == [3, 5, 0]
    history.add(observation(2.0, 1), ["old", "new"])
    history.record("old", sample(refused=2))
    assert history.refused("old") == 2, "its container restarted"
