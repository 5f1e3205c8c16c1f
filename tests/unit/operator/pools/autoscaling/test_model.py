from dataclasses import fields

from switchboard_operator.pools.autoscaling.model import LoadDecision, LoadObservation, PodLoad, Schedule, Tuning


def test_the_defaults_fit_together() -> None:
    tuning = Tuning()
    assert tuning.panic_window_s < tuning.stabilization_window_s < tuning.stable_window_s < tuning.error_window_s
    assert tuning.start_delay_s < tuning.longest_start_delay_s
    assert tuning.gap_s < tuning.stabilization_window_s, "after a gap, the down window is seen whole again"
    assert tuning.down_margin > 1, "or a load at the edge of a pod flaps"
    assert 0.5 < tuning.error_quantile < 1
    assert tuning.up_factor >= tuning.down_factor > 1, "growing is never slower than shrinking"


def test_an_observation_has_optional_fields() -> None:
    pod = PodLoad("a", ready=True, age_s=1, sessions=None)
    assert (pod.draining, pod.refused, pod.sample_age_s) == (False, 0, 0)
    assert LoadObservation(0, [pod], 1, 100, 150, 1, 9).schedules == ()
    assert LoadDecision(1, "unchanged at 1: load needs 1 pod", "load needs 1 pod", "load").limits == ()
    assert [field.name for field in fields(Schedule)] == ["name", "cron", "zone", "duration", "min_pods"]
