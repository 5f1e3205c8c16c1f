"""Schedules: lower bounds on the number of pods by cron expression and time zone. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from switchboard_operator.pools.autoscaling.model import Schedule


def floor(schedules: Sequence[Schedule], t: float, lead_s: float) -> Schedule | None:
    """Return the schedule in effect with the highest bound, or None.

    A schedule takes effect `lead_s`, the start time of a pod, before it begins, so that its pods are Ready in time.
    """
    return max((item for item in schedules if in_force(item, t, lead_s)), key=lambda item: item.min_pods, default=None)


def in_force(schedule: Schedule, t: float, lead_s: float) -> bool:
    """Return whether a span of the schedule contains `t` or begins within `lead_s` of it.

    Clock changes are handled as in Debian's cron (and by cronsim): a skipped time takes effect right after the gap, a
    repeated one once.
    """
    now = datetime.fromtimestamp(t, UTC)
    # An occurrence at exactly this second counts, but cronsim yields only later ones: start one second earlier.
    after = (now - schedule.duration - timedelta(seconds=1)).astimezone(schedule.zone)
    begins = (begin.astimezone(UTC) for begin in CronSim(schedule.cron, after))
    return next(begin for begin in begins if begin + schedule.duration > now) <= now + timedelta(seconds=lead_s)


def time_zone(name: str) -> ZoneInfo | None:
    """Return the IANA time zone of this name, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def problem(cron: str) -> str:
    """Return what is wrong with a cron expression; empty if it is valid."""
    if len(cron.split()) != 5:
        return "must have five fields: minute, hour, day of month, month, day of week"
    try:
        next(CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "matches no date"
    return ""
