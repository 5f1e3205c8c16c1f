"""The pods that were announced: floors by cron, in the time zone that the cron is meant in. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from switchboard_operator.pools.autoscaling.model import Schedule


def floor(schedules: Sequence[Schedule], t: float, lead_s: float) -> Schedule | None:
    """Return the schedule in force that wants the most pods.

    A schedule is in force a pod's start delay (`lead_s`) before it begins, so that its pods are Ready when it does.
    """
    return max((item for item in schedules if in_force(item, t, lead_s)), key=lambda item: item.min_pods, default=None)


def in_force(schedule: Schedule, t: float, lead_s: float) -> bool:
    """Return whether one of the schedule's spans holds at a time, or begins within `lead_s`.

    What a clock change does to a cron follows Debian's cron, as cronsim does: a time that is skipped counts right after
    the gap, one that comes twice counts once.
    """
    now = datetime.fromtimestamp(t, UTC)
    # An occurrence at the very second counts, but cronsim gives only later ones: hence the second before.
    after = (now - schedule.duration - timedelta(seconds=1)).astimezone(schedule.zone)
    begins = (begin.astimezone(UTC) for begin in CronSim(schedule.cron, after))
    return next(begin for begin in begins if begin + schedule.duration > now) <= now + timedelta(seconds=lead_s)


def time_zone(name: str) -> ZoneInfo | None:
    """Return the IANA time zone of a name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def problem(cron: str) -> str:
    """Return what is wrong with a cron expression; empty if nothing is."""
    if len(cron.split()) != 5:
        return "needs five fields: minute, hour, day of month, month, day of week"
    try:
        next(CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "names no day that ever comes"
    return ""
