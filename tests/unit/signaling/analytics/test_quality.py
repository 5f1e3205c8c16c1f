"""The score of a call."""

import pytest

from switchboard_signaling.analytics.quality import score_of, smoothed
from switchboard_signaling.wire.messages import Stats


@pytest.mark.parametrize(
    ("reported", "score"),
    [
        ({}, None),
        ({"freezes": 3, "sent_bitrate": 1e6}, None),
        ({"rtt_ms": 0.0}, 100),
        ({"rtt_ms": 80.0}, 99),  # 40 ms late
        ({"jitter_ms": 20.0}, 99),
        ({"rtt_ms": 320.0}, 96),  # 160 ms: still a fortieth each
        ({"rtt_ms": 400.0, "jitter_ms": 10.0}, 90),  # 220 ms: a tenth each of what exceeds 120
        ({"loss": 0.02}, 80),
        ({"loss": 0.01, "remote_loss": 0.03}, 70),
        ({"loss": 0.02, "media": "audio"}, 89.4),
        ({"rtt_ms": 80.0, "loss": 0.5}, 0),
    ],
)
def test_delay_and_loss_lower_the_score(reported: dict[str, float], score: float | None) -> None:
    assert score_of(Stats(match_id="m", **reported)) == (None if score is None else pytest.approx(score))  # type: ignore[arg-type]


def test_a_score_falls_fast_and_rises_slowly() -> None:
    assert smoothed(None, 90) == 90
    assert smoothed(100, 50) == pytest.approx(60)
    assert smoothed(50, 100) == pytest.approx(70)
