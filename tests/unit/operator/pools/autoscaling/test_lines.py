from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from switchboard_operator.pools.autoscaling.decide import LoadHistory
from switchboard_operator.pools.autoscaling.lines import DecideRequest, LineError, answer, parse
from switchboard_operator.pools.autoscaling.model import LoadObservation, PodLoad, Schedule, Tuning

VALID: dict[str, Any] = {
    "t": 0,
    "pods": [
        {"name": "a", "ready": True, "age_s": 60, "sessions": 120},
        {
            "name": "b",
            "ready": False,
            "age_s": 3.5,
            "sessions": None,
            "draining": True,
            "refused": 2,
            "sample_age_s": 1,
        },
    ],
    "current_replicas": 1,
    "target_sessions_per_pod": 100,
    "capacity_sessions_per_pod": 150,
    "min": 1,
    "max": 9,
}


def line(**changes: Any) -> bytes:
    return orjson.dumps({**VALID, **changes})


def one_pod(**changes: Any) -> bytes:
    return line(pods=[{**VALID["pods"][0], **changes}])


def show(**changes: Any) -> bytes:
    given = {"name": "show", "cron": "0 20 * * *", "time_zone": "Europe/Berlin", "duration_s": 3600, "min_replicas": 5}
    return line(schedules=[{**given, **changes}])


def test_a_line_is_parsed() -> None:
    pods = (PodLoad("a", True, 60, 120), PodLoad("b", False, 3.5, None, draining=True, refused=2, sample_age_s=1))
    assert parse(line()) == DecideRequest(LoadObservation(0, pods, 1, 100, 150, 1, 9), Tuning())


def test_optional_fields() -> None:
    read = parse(orjson.dumps({key: value for key, value in VALID.items() if not key.startswith("capacity")}))
    assert read.observation.capacity == 100, "the target"
    assert parse(line(unknown=1)) == parse(line(schedules=None, settings=None)) == parse(line())
    silent = one_pod(sessions=None, draining=None, refused=None, sample_age_s=None)
    assert parse(silent).observation.pods == (PodLoad("a", True, 60, None),), "null is the same as an omitted field"
    assert parse(line(current_replicas=1.0, max=9.0)) == parse(line())
    assert parse(show()).observation.schedules == (
        Schedule("show", "0 20 * * *", ZoneInfo("Europe/Berlin"), timedelta(hours=1), 5),
    )
    plain = {"name": "show", "cron": "0 20 * * *", "duration_s": 3600, "min_replicas": 5}
    assert parse(line(schedules=[plain])).observation.schedules[0].zone == ZoneInfo("UTC")


def test_settings_are_given_by_name() -> None:
    assert parse(line(settings={"buffer_sessions": 60, "up_pods": 5.0})).tuning == Tuning(buffer_sessions=60, up_pods=5)
    assert parse(line(settings={})).tuning == Tuning()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{", "not JSON: "),
        (b"[1]", "the line must be a JSON object"),
        (line(t=None), "t must be a number, not null"),
        (line(t=1_782_928_800_000), "t must be a number <= 100000000000"),
        (line(t=-1, schedules=[{**orjson.loads(show())["schedules"][0]}]), "t must be seconds since 1970-01-01"),
        (line(pods=None), "pods must be an array, not null"),
        (line(pods=[VALID["pods"][0]] * 10_001), "pods must be an array of length <= 10000"),
        (b"{}", "the line: object missing required field t"),
        (b'{"t": 1e999}', "t: number out of range"),
        (b'{"pods": [{"name": "\xff"}]}', "not JSON: "),
        (line(pods=[7]), "pods[0] must be a JSON object, not int"),
        (one_pod(name=""), "pods[0].name must be a string of length >= 1"),
        (one_pod(name=[1] * 40), "pods[0].name must be a string, not array"),
        (one_pod(ready=1), "pods[0].ready must be true or false, not int"),
        (one_pod(ready=None), "pods[0].ready must be true or false, not null"),
        (one_pod(sessions=-1), "pods[0].sessions must be a number >= 0"),
        (one_pod(sessions=True), "pods[0].sessions must be a number or null, not bool"),
        (one_pod(sessions="7"), "pods[0].sessions must be a number or null, not str"),
        (one_pod(sessions=1e12), "pods[0].sessions must be a number <= 1000000000"),
        (line(pods=[VALID["pods"][0]] * 2), "pods: names must be unique"),
        (line(current_replicas=1.5), "current_replicas must be a whole number"),
        (line(target_sessions_per_pod=0), "target_sessions_per_pod must be a number > 0"),
        (line(min=5, max=4), "min must not exceed max: 5 > 4"),
        (show(cron="often"), "schedules[0].cron: 'often' is invalid: must have five fields"),
        (show(time_zone="Mars/Base"), "schedules[0].time_zone: 'Mars/Base' must be an IANA time zone"),
        (show(time_zone="../etc/passwd"), "schedules[0].time_zone: '../etc/passwd' must be an IANA time zone"),
        (show(duration_s=0), "schedules[0].duration_s must be a number > 0"),
        (line(settings=[]), "settings must be a JSON object or null, not array"),
        (line(settings={"slots": 1}), "settings: object contains unknown field slots; the known ones are "),
        (line(settings={"stale_s": "x"}), "settings.stale_s must be a number, not str"),
        (line(settings={"error_quantile": 2}), "settings.error_quantile must be a number <= 1"),
        (line(settings={"down_factor": 0.5}), "settings.down_factor must be a number >= 1"),
        (line(settings={"up_pods": 1.5}), "settings.up_pods must be a whole number"),
    ],
)
def test_an_invalid_line_has_an_error(bad: bytes, said: str) -> None:
    with pytest.raises(LineError) as caught:
        parse(bad)
    assert str(caught.value).startswith(said)


def test_a_decision_has_its_reasons() -> None:
    _, said = answer(LoadHistory(), line())
    assert orjson.loads(said) == {"desired": 2, "why": "1 -> 2: load needs 2 pods (122 sessions, 100 per pod)"}
    _, said = answer(LoadHistory(), one_pod(sessions=None))
    assert orjson.loads(said)["no_metrics"] is True


def test_an_invalid_line_does_not_change_the_history() -> None:
    history, _ = answer(LoadHistory(), line())
    after, said = answer(history, line(t=2, max="x"))
    assert after == history
    assert orjson.loads(said) == {"error": "max must be a number, not str"}


def test_time_must_not_decrease() -> None:
    history, _ = answer(LoadHistory(), line(t=10))
    assert orjson.loads(answer(history, line(t=10))[1]) == {"error": "t must increase: 10 follows 10"}
    assert "desired" in orjson.loads(answer(history, line(t=10.5))[1])
