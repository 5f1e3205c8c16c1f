"""The quality of a call as one number. Pure.

The formula is that of LiveKit's server (livekit/livekit, pkg/sfu/connectionquality/scorer.go): 100, minus a penalty for
delay, minus the loss in percent times a weight. The smoothed score falls fast and rises slowly.
"""

from typing import Final

from switchboard_signaling.wire.messages import Stats

BEST: Final = 100.0
FALL: Final = 0.8
RISE: Final = 0.4
LOSS_WEIGHT: Final = {"audio": 5.3, "video": 10.0}
"""Points per percent of loss: for Opus with in-band error correction, and for video."""
LATE_MS: Final = 160.0
"""Above this delay, each millisecond over 120 ms costs a tenth of a point; below, each millisecond costs a fortieth."""


def score_of(stats: Stats) -> float | None:
    """Return the score of one report, 0 to 100; None for a report without delay and loss.

    The delay is half of the round-trip time plus twice the jitter; the loss is that of the worse direction.
    """
    losses = [loss for loss in (stats.loss, stats.remote_loss) if loss is not None]
    if stats.rtt_ms is None and stats.jitter_ms is None and not losses:
        return None
    delay = (stats.rtt_ms or 0.0) / 2 + 2 * (stats.jitter_ms or 0.0)
    late = (delay - 120) / 10 if delay > LATE_MS else delay / 40
    lost = max(losses, default=0.0) * 100 * LOSS_WEIGHT[stats.media]
    return max(0.0, BEST - late - lost)


def smoothed(before: float | None, score: float) -> float:
    """Return the smoothed score of a call after another report."""
    if before is None:
        return score
    return before + (score - before) * (FALL if score < before else RISE)
