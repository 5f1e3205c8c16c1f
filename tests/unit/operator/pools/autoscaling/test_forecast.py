from dataclasses import replace

import pytest

from switchboard_operator.pools.autoscaling.forecast import (
    MAX_POINTS,
    Outlook,
    Past,
    Point,
    look_ahead,
    quantile,
    slope,
    surge,
)
from switchboard_operator.pools.autoscaling.model import Tuning

SETTINGS = Tuning()


def after(levels: list[float], step_s: float = 2, lead_s: float = 20) -> tuple[Past, Outlook]:
    """Return the outlook after levels that were seen one after the other."""
    past, outlook = Past(), Outlook(0, 0, 0, 0)
    for index, level in enumerate(levels):
        past, outlook = look_ahead(past, index * step_s, level, lead_s, SETTINGS)
    return past, outlook


@pytest.mark.parametrize(
    ("levels", "expected"),
    [([], 0), ([5], 0), ([5, 9], 0), ([5, 7, 9], 1), ([9, 7, 5], -1), ([4, 4, 4, 4], 0), ([0, 4, 2, 6], 0.8)],
)
def test_the_slope_is_that_of_least_squares(levels: list[float], expected: float) -> None:
    assert slope([Point(2 * index, level) for index, level in enumerate(levels)]) == pytest.approx(expected)


def test_observations_within_a_moment_have_no_slope() -> None:
    past, _ = after([400.0] * 60)
    for index in range(1, 4):
        past, outlook = look_ahead(past, 118 + index / 100, 400 + index, 20, SETTINGS)
        assert outlook.surge <= 40, "three more since two seconds ago, not a hundred a second"
    assert max(point.level for point in past.noise) == 0, "nor is it noise"
    assert slope([Point(0, 400), Point(0.1, 401), Point(0.2, 402)]) == 0


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.9, 0), ([7], 0.9, 7), ([3, 1, 2], 0.5, 2), ([3, 1, 2], 1.0, 3), (list(range(10)), 0.9, 9)],
)
def test_quantiles(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected


def test_a_steady_load_needs_no_margin() -> None:
    assert after([400.0] * 60)[1] == Outlook(20, 0, 0, 0)


def test_a_ramp_is_extrapolated_over_the_start_of_a_pod() -> None:
    _, outlook = after([100 + 4.0 * index for index in range(60)])
    assert outlook.rise == pytest.approx(40), "2 sessions per second for 20 s"
    assert outlook.surge == pytest.approx(outlook.rise), "a ramp that was always there asks for nothing more"


def test_a_falling_load_is_not_extrapolated() -> None:
    assert after([400 - 4.0 * index for index in range(60)])[1].rise == 0


def test_the_errors_of_the_forecast_become_its_margin() -> None:
    _, noisy = after([400.0 + (30 if index % 10 == 0 else 0) for index in range(200)])
    assert 20 <= noisy.margin <= 30, "the peaks that the trend knows nothing of"
    past, _ = after([400.0 + (30 if index % 10 == 0 else 0) for index in range(200)])
    for index in range(200, 600):
        past, outlook = look_ahead(past, index * 2, 400, 20, SETTINGS)
    assert outlook.margin <= 1, "and they are forgotten with the error window"


def test_a_jump_is_detected_at_once() -> None:
    past, _ = after([400.0] * 60)
    _, outlook = look_ahead(past, 120, 430, 20, SETTINGS)
    _, plain = look_ahead(past, 120, 430, 20, replace(SETTINGS, surge_factor=1))
    assert plain.surge == pytest.approx(300), "15 sessions per second for 20 s"
    assert outlook.surge == pytest.approx(300 + 0.3 * (300 - outlook.rise)), "and more, for it has just begun"


@pytest.mark.parametrize(
    ("levels", "noise", "expected"),
    [
        ([400, 400, 404], 1, 0),
        ([400, 400, 420], 1, 10),
        ([400, 400, 420], 16, 0),
        ([400, 430, 432], 1, 8),
        ([400, 300, 400], 1, 0),
        ([400, 300, 420], 1, 10),
    ],
    ids=["noise", "jump", "usual here", "the steepest span", "sessions that come back", "beyond what came back"],
)
def test_the_definition_of_a_surge(levels: list[float], noise: float, expected: float) -> None:
    points = [Point(100 + 2 * index, level) for index, level in enumerate(levels)]
    before = [Point(2.0 * index, noise * 1.642) for index in range(40)]
    assert surge(points, before, SETTINGS) == pytest.approx(expected)


def test_observations_at_a_slow_pace_are_compared_with_the_one_before() -> None:
    assert surge([Point(0, 100), Point(14, 380)], [], SETTINGS) == pytest.approx(20)
    assert surge([Point(0, 100)], [], SETTINGS) == 0


def test_a_surge_does_not_hide_itself() -> None:
    past, _ = after([400.0] * 120)
    for index in range(30):
        past, outlook = look_ahead(past, 240 + 2 * index, 430 + 30 * index, 20, SETTINGS)
        assert outlook.surge == pytest.approx(300 + 0.3 * (300 - outlook.rise)), index


def test_a_gap_resets_the_trend_and_keeps_the_errors() -> None:
    past, before = after([400.0 + (30 if index % 10 == 0 else 0) for index in range(100)])
    fresh, outlook = look_ahead(past, 300, 900, 20, SETTINGS)
    assert (outlook.rise, outlook.surge) == (0, 0)
    assert outlook.margin == pytest.approx(before.margin)
    assert fresh.points == (Point(300, 900),)


def test_the_memory_is_bounded_at_any_pace() -> None:
    past, _ = after([float(index % 7) for index in range(3 * MAX_POINTS)], step_s=0.01)
    assert max(len(past.points), len(past.noise), len(past.pending), len(past.errors)) <= MAX_POINTS
