"""The decision as JSON lines: one observation in, one decision out, so that anything can drive what ships. Pure.

`switchboard-operator decide --stdin` reads and writes them; docs/reference/decide.md says what is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final

import orjson

from switchboard_operator.pools.autoscaling import schedule
from switchboard_operator.pools.autoscaling.decide import History, decide
from switchboard_operator.pools.autoscaling.model import Observation, Pod, Schedule, Settings

MOST: Final = 1e9
"""Bound of every number but the time: beyond it, a slip is likelier than a pool."""
LATEST: Final = 1e11
"""Bound of the time: the year 5138. Milliseconds would be beyond it."""
MOST_PODS: Final = 10_000


class LineError(Exception):
    """A line that is not an observation; the message names the field and what it must be."""


@dataclass(frozen=True)
class Line:
    """An observation and the settings to decide with."""

    observation: Observation
    settings: Settings


def answer(history: History, line: bytes) -> tuple[History, bytes]:
    """Return the answer to a line and the history to go on with: after a line that is refused, the same as before."""
    try:
        read = parse(line, after=history.t)
    except LineError as error:
        return history, orjson.dumps({"error": str(error)})
    history, decision = decide(history, read.observation, read.settings)
    said: dict[str, Any] = {"desired": decision.desired, "why": decision.why}
    if decision.blind:
        said["blind"] = True
    return history, orjson.dumps(said)


def parse(line: bytes, after: float | None = None) -> Line:
    """Return what a line says; its time must be later than `after`. Unknown keys are left alone. Raises LineError."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LineError(f"not JSON: {error}") from None
    here = _Fields("", found)
    target = here.number("target_sessions_per_pod", least=0, above=True)
    capacity = here.number("capacity_sessions_per_pod", least=0, default=target)
    least, most = here.whole("min"), here.whole("max")
    if least > most:
        raise LineError(f"min must not be above max: {least} > {most}")
    observation = Observation(
        t=_time(here, after),
        pods=tuple(_pod(item) for item in here.items("pods", MOST_PODS)),
        current=here.whole("current_replicas"),
        target=target,
        capacity=max(capacity, target),
        least=least,
        most=most,
        schedules=tuple(_schedule(item) for item in here.items("schedules", 100, required=False)),
    )
    if observation.schedules and not 0 <= observation.t <= LATEST:
        raise LineError("t must be seconds since 1970-01-01 where there are schedules")
    if len({pod.name for pod in observation.pods}) < len(observation.pods):
        raise LineError("pods: two have the same name")
    return Line(observation, _settings(here))


def _time(here: "_Fields", after: float | None) -> float:
    t = here.number("t", least=-LATEST, most=LATEST)
    if after is not None and t <= after:
        raise LineError(f"t must grow: {t:g} follows {after:g}")
    return t


def _pod(here: "_Fields") -> Pod:
    return Pod(
        name=here.text("name"),
        ready=here.flag("ready"),
        age_s=here.number("age_s"),
        sessions=None if here.get("sessions") is None else here.number("sessions"),
        draining=here.flag("draining", default=False),
        refused=here.number("refused", default=0),
        sample_age_s=here.number("sample_age_s", default=0),
    )


def _schedule(here: "_Fields") -> Schedule:
    cron, zone = here.text("cron"), here.text("zone", default="UTC")
    if wrong := schedule.problem(cron):
        raise LineError(f"{here.path('cron')}: {cron!r} is no cron expression: {wrong}")
    known = schedule.time_zone(zone)
    if known is None:
        raise LineError(f"{here.path('zone')}: {zone!r} is no IANA time zone, such as Europe/Berlin")
    duration = timedelta(seconds=here.number("duration_s", least=0, most=366 * 86400, above=True))
    return Schedule(here.text("name"), cron, known, duration, here.whole("replicas"))


def _settings(here: "_Fields") -> Settings:
    """Return the settings, those that the line names in place of the defaults."""
    given = here.get("settings")
    if given is None:
        return Settings()
    inner = _Fields("settings", given)
    known = {field.name for field in fields(Settings)}
    if unknown := sorted(set(inner.found) - known):
        raise LineError(f"settings: {unknown[0]} is none; those are {', '.join(sorted(known))}")
    numbers = {name: inner.number(name) for name in inner.found}
    if numbers.get("error_quantile", 0) > 1:
        raise LineError("settings.error_quantile must be 0 to 1")
    for name in ("up_factor", "down_factor"):
        if numbers.get(name, 1) < 1:
            raise LineError(f"settings.{name} must be 1 or more")
    for name in ("up_pods", "down_pods"):
        if name in numbers:
            numbers[name] = inner.whole(name)
    return Settings(**numbers)  # type: ignore[arg-type]  # the whole numbers are whole


class _Fields:
    """Reads the fields of a JSON object and says where one is wrong."""

    def __init__(self, place: str, found: object) -> None:
        if not isinstance(found, dict):
            raise LineError(f"{place or 'the line'} must be a JSON object")
        self.place = place
        self.found: Mapping[str, Any] = found

    def path(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def get(self, name: str, default: object = None) -> Any:
        """Return a field; null is as good as left out."""
        value = self.found.get(name)
        return default if value is None else value

    def number(
        self, name: str, *, least: float = 0, most: float = MOST, default: float | None = None, above: bool = False
    ) -> float:
        value = self.get(name, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not (least <= value <= most) or (above and value == least):
            bound = "above" if above else "not below"
            raise LineError(f"{self.path(name)} must be a number {bound} {least:g}, not {_short(value)}")
        return float(value)

    def whole(self, name: str) -> int:
        value = self.number(name)
        if value != int(value):
            raise LineError(f"{self.path(name)} must be a whole number, not {_short(value)}")
        return int(value)

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise LineError(f"{self.path(name)} must be true or false, not {_short(value)}")
        return value

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self.get(name, default)
        if not isinstance(value, str) or not value:
            raise LineError(f"{self.path(name)} must be a text, not {_short(value)}")
        return value

    def items(self, name: str, most: int, *, required: bool = True) -> list["_Fields"]:
        value = self.get(name, None if required else [])
        if not isinstance(value, list) or len(value) > most:
            raise LineError(f"{self.path(name)} must be a list of at most {most} objects")
        return [_Fields(f"{self.path(name)}[{index}]", item) for index, item in enumerate(value)]


def _short(value: object) -> str:
    said = orjson.dumps(value).decode()
    return said if len(said) <= 40 else f"{said[:40]}..."
