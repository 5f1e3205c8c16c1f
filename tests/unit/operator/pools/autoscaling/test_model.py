from dataclasses import fields

from switchboard_operator.pools.autoscaling.model import Decision, Observation, Pod, Schedule, Settings


def test_the_default_settings_fit_together() -> None:
    settings = Settings()
    assert settings.panic_window_s < settings.down_window_s < settings.stable_window_s < settings.error_window_s
    assert settings.start_delay_s < settings.longest_start_delay_s
    assert settings.gap_s < settings.down_window_s, "after a gap, the down window is seen whole again"
    assert settings.down_margin > 1, "or a load at the edge of a pod flaps"
    assert 0.5 < settings.error_quantile < 1
    assert settings.up_factor >= settings.down_factor > 1, "growing is never slower than shrinking"


def test_what_an_observation_need_not_say() -> None:
    pod = Pod("a", ready=True, age_s=1, sessions=None)
    assert (pod.draining, pod.refused, pod.sample_age_s) == (False, 0, 0)
    assert Observation(0, [pod], 1, 100, 150, 1, 9).schedules == ()
    assert Decision(1, "1 stays: load wants 1", "load wants 1", "load").limits == ()
    assert [field.name for field in fields(Schedule)] == ["name", "cron", "zone", "duration", "replicas"]
