from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchboard_operator.pools.autoscaling.model import Schedule
from switchboard_operator.pools.autoscaling.schedule import floor, in_force, problem, time_zone

BERLIN = ZoneInfo("Europe/Berlin")


def every(cron: str, hours: float, replicas: int = 5, name: str = "show") -> Schedule:
    return Schedule(name, cron, BERLIN, timedelta(hours=hours), replicas)


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(("name", "zone"), [("Europe/Berlin", BERLIN), ("No/Where", None), ("../etc", None)])
def test_time_zones_are_those_of_iana(name: str, zone: ZoneInfo | None) -> None:
    assert time_zone(name) == zone


@pytest.mark.parametrize(
    ("cron", "hours", "time", "expected"),
    [
        ("0 20 * * *", 2, "2026-07-01 19:59:29", False),
        ("0 20 * * *", 2, "2026-07-01 19:59:30", True),
        ("0 20 * * *", 2, "2026-07-01 20:00:00", True),
        ("0 20 * * *", 2, "2026-07-01 21:59:59", True),
        ("0 20 * * *", 2, "2026-07-01 22:00:00", False),
        ("0 20 * * *", 2, "2026-12-01 20:00:00", True),
        ("0 22 * * FRI", 6, "2026-07-04 03:00:00", True),
        ("0 22 * * FRI", 6, "2026-07-05 03:00:00", False),
        ("*/10 * * * *", 1, "2026-07-01 12:34:56", True),
        ("0 0 29 2 *", 24, "2028-02-29 12:00:00", True),
        ("30 2 * * *", 1, "2026-03-29 03:00:30", True),
        ("30 2 * * *", 1, "2026-10-25 02:45:00", True),
    ],
    ids=[
        "before",
        "its pods are Ready when it begins",
        "begins",
        "goes on",
        "is over",
        "the same clock time in winter",
        "over midnight",
        "not on other days",
        "spans that overlap",
        "a leap day",
        "the clock skips it: right after",
        "the clock is put back",
    ],
)
def test_a_schedule_is_active_in_its_periods(cron: str, hours: float, time: str, expected: bool) -> None:
    assert in_force(every(cron, hours), at(time), lead_s=30) is expected


def test_a_schedule_uses_its_own_time_zone() -> None:
    assert in_force(every("0 20 * * *", 2), at("2026-07-01 18:30:00", ZoneInfo("UTC")), 0)
    assert not in_force(every("0 20 * * *", 2), at("2026-07-01 20:30:00", ZoneInfo("UTC")), 0)


def test_the_highest_of_several_active_schedules_counts() -> None:
    low, high = every("0 20 * * *", 2, 3, "low"), every("0 21 * * *", 2, 8, "high")
    assert floor([low, high], at("2026-07-01 20:30:00"), 0) == low
    assert floor([low, high], at("2026-07-01 21:30:00"), 0) == high
    assert floor([low, high], at("2026-07-01 12:00:00"), 0) is None
    assert floor([], 0, 0) is None


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 20 * * MON-FRI", ""),
        ("0 20 * *", "must have five fields"),
        ("0 0 20 * * *", "must have five fields"),
        ("0 25 * * *", "Bad hour"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("0 0 31 2 MON#5", ""),
        ("0 0 */31 * MON#5", "matches no date"),
    ],
)
def test_an_invalid_cron_has_an_error(cron: str, said: str) -> None:
    assert problem(cron).startswith(said)
    assert bool(problem(cron)) is bool(said)


@pytest.mark.parametrize(
    ("name", "known"), [("Europe/Berlin", True), ("UTC", True), ("Mars/Base", False), ("../x", False)]
)
def test_only_iana_time_zones_are_known(name: str, known: bool) -> None:
    assert (time_zone(name) is not None) is known
