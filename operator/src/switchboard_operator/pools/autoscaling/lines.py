"""The decision as JSON lines: one observation in, one decision out, so that anything can drive what ships. Pure.

`switchboard-operator decide --stdin` reads and writes them; docs/reference/decide.md says what is in them.
"""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from switchboard_operator.pools.autoscaling import schedule
from switchboard_operator.pools.autoscaling.decide import LoadHistory, decide
from switchboard_operator.pools.autoscaling.model import LoadObservation, PodLoad, Schedule, Tuning

MAX_NUMBER: Final = 1e9
"""Bound of every number but the time: beyond it, a slip is likelier than a pool."""
MAX_TIME: Final = 1e11
"""Bound of the time: the year 5138. Milliseconds would be beyond it."""
MAX_PODS: Final = 10_000
MAX_SCHEDULES: Final = 100
MAX_DURATION_S: Final = 366 * 86400.0

Number: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_NUMBER)]
Whole: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_NUMBER, multiple_of=1)]
"""A whole number, also when it is written as 5.0."""
Text: TypeAlias = Annotated[str, Meta(min_length=1)]

_BOUNDS: Final[dict[str, Any]] = {
    "error_quantile": Annotated[float, Meta(ge=0, le=1)],
    "up_factor": Annotated[float, Meta(ge=1, le=MAX_NUMBER)],
    "down_factor": Annotated[float, Meta(ge=1, le=MAX_NUMBER)],
    "up_pods": Whole,
    "down_pods": Whole,
}
"""Types of the settings that are not any number."""
_SettingsLine: Any = msgspec.defstruct(
    "_SettingsLine",
    [(field.name, _BOUNDS.get(field.name, Number), field.default) for field in fields(Tuning)],
    forbid_unknown_fields=True,
)
"""The fields of `Tuning`, each optional."""


class PodLine(Struct):
    """One pod of a line. A null is as good as an omitted field, here and below."""

    name: Text
    ready: bool
    age_s: Number
    sessions: Number | None = None
    draining: bool | None = None
    refused: Number | None = None
    sample_age_s: Number | None = None


class ScheduleLine(Struct):
    """One schedule of a line."""

    name: Text
    cron: Text
    duration_s: Annotated[float, Meta(gt=0, le=MAX_DURATION_S)]
    min_replicas: Whole
    time_zone: Text | None = None


class ObservationLine(Struct):
    """A line; unknown fields are ignored."""

    t: Annotated[float, Meta(ge=-MAX_TIME, le=MAX_TIME)]
    pods: Annotated[list[PodLine], Meta(max_length=MAX_PODS)]
    current_replicas: Whole
    target_sessions_per_pod: Annotated[float, Meta(gt=0, le=MAX_NUMBER)]
    min: Whole
    max: Whole
    capacity_sessions_per_pod: Number | None = None
    schedules: Annotated[list[ScheduleLine], Meta(max_length=MAX_SCHEDULES)] | None = None
    settings: _SettingsLine | None = None


_DECODER: Final = msgspec.json.Decoder(ObservationLine)


class LineError(Exception):
    """A line that is not an observation; the message names the field and what it must be."""


@dataclass(frozen=True)
class DecideRequest:
    """An observation and the tuning to decide with."""

    observation: LoadObservation
    tuning: Tuning


def answer(history: LoadHistory, line: bytes) -> tuple[LoadHistory, bytes]:
    """Return the answer to a line and the history to go on with: after a line that is refused, the same as before."""
    try:
        request = parse(line, after=history.t)
    except LineError as error:
        return history, msgspec.json.encode({"error": str(error)})
    history, decision = decide(history, request.observation, request.tuning)
    fields_: dict[str, Any] = {"desired": decision.desired, "why": decision.why}
    if decision.no_metrics:
        fields_["no_metrics"] = True
    return history, msgspec.json.encode(fields_)


def parse(line: bytes, after: float | None = None) -> DecideRequest:
    """Return what a line says; its time must be later than `after`. Raises LineError."""
    try:
        found = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise LineError(_explain(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LineError(f"not JSON: {error}") from None
    if found.min > found.max:
        raise LineError(f"min must not be above max: {found.min:.0f} > {found.max:.0f}")
    if after is not None and found.t <= after:
        raise LineError(f"t must grow: {found.t:g} follows {after:g}")
    if found.schedules and found.t < 0:
        raise LineError("t must be seconds since 1970-01-01 where there are schedules")
    if len({pod.name for pod in found.pods}) < len(found.pods):
        raise LineError("pods: two have the same name")
    target, capacity = found.target_sessions_per_pod, found.capacity_sessions_per_pod
    observation = LoadObservation(
        t=found.t,
        pods=tuple(map(_pod, found.pods)),
        current=int(found.current_replicas),
        target=target,
        capacity=target if capacity is None else max(capacity, target),
        min_pods=int(found.min),
        max_pods=int(found.max),
        schedules=tuple(_schedule(f"schedules[{index}]", item) for index, item in enumerate(found.schedules or [])),
    )
    return DecideRequest(observation, _tuning(found.settings))


def _pod(pod: PodLine) -> PodLoad:
    refused, sample_age_s = pod.refused or 0.0, pod.sample_age_s or 0.0
    return PodLoad(pod.name, pod.ready, pod.age_s, pod.sessions, bool(pod.draining), refused, sample_age_s)


def _schedule(path: str, item: ScheduleLine) -> Schedule:
    if problem := schedule.problem(item.cron):
        raise LineError(f"{path}.cron: {item.cron!r} is no cron expression: {problem}")
    zone = schedule.time_zone(item.time_zone or "UTC")
    if zone is None:
        raise LineError(f"{path}.time_zone: {item.time_zone!r} is no IANA time zone, such as Europe/Berlin")
    return Schedule(item.name, item.cron, zone, timedelta(seconds=item.duration_s), int(item.min_replicas))


def _tuning(settings: Struct | None) -> Tuning:
    if settings is None:
        return Tuning()
    values = msgspec.structs.asdict(settings)
    return Tuning(**{name: int(value) if _BOUNDS.get(name) is Whole else value for name, value in values.items()})


_WORDS: Final = {
    "`float`": "a number",
    "`float | null`": "a number or null",
    "`str`": "a text",
    "`str | null`": "a text or null",
    "`bool`": "true or false",
    "`bool | null`": "true, false or null",
    "`object`": "a JSON object",
    "`object | null`": "a JSON object or null",
    "`array`": "a list",
    "`array | null`": "a list or null",
    "a number that's a multiple of 1.0": "a whole number",
}


def _explain(error: str) -> str:
    """Return what msgspec finds wrong, led by the field's path."""
    what, _, path = error.partition(" - at `$")
    expected, but, got = what.partition(", got ")
    for theirs, ours in _WORDS.items():
        expected = expected.replace(theirs, ours)
    what = f"{expected}{but}{got}".replace("Expected ", "must be ").replace(", got ", ", not ").replace("`", "")
    if "unknown field" in what:
        what = f"{what}; the known ones are {', '.join(sorted(field.name for field in fields(Tuning)))}"
    what = what.replace(".0", "")
    return f"{path.strip('.`') or 'the line'}{' ' if what.startswith('must') else ': '}{what[0].lower()}{what[1:]}"
