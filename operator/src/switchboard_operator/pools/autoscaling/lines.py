"""JSON lines of `switchboard-operator decide --stdin`: one observation in, one decision out. Pure.

docs/reference/decide.md describes the format.
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
"""Upper bound of all numbers except the time, to catch mistakes."""
MAX_TIME: Final = 1e11
"""Upper bound of the time, the year 5138, which rejects milliseconds."""
MAX_PODS: Final = 10_000
MAX_SCHEDULES: Final = 100
MAX_DURATION_S: Final = 366 * 86400.0

Number: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_NUMBER)]
Whole: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_NUMBER, multiple_of=1)]
"""A whole number; 5.0 is one too."""
Text: TypeAlias = Annotated[str, Meta(min_length=1)]

_BOUNDS: Final[dict[str, Any]] = {
    "error_quantile": Annotated[float, Meta(ge=0, le=1)],
    "up_factor": Annotated[float, Meta(ge=1, le=MAX_NUMBER)],
    "down_factor": Annotated[float, Meta(ge=1, le=MAX_NUMBER)],
    "up_pods": Whole,
    "down_pods": Whole,
}
"""Types of the settings that are more specific than `Number`."""
_SettingsLine: Any = msgspec.defstruct(
    "_SettingsLine",
    [(field.name, _BOUNDS.get(field.name, Number), field.default) for field in fields(Tuning)],
    forbid_unknown_fields=True,
)
"""The fields of `Tuning`, each optional."""


class PodLine(Struct):
    """A pod of an observation. Here and below, null is the same as an omitted field."""

    name: Text
    ready: bool
    age_s: Number
    sessions: Number | None = None
    draining: bool | None = None
    refused: Number | None = None
    sample_age_s: Number | None = None


class ScheduleLine(Struct):
    """A schedule of an observation."""

    name: Text
    cron: Text
    duration_s: Annotated[float, Meta(gt=0, le=MAX_DURATION_S)]
    min_replicas: Whole
    time_zone: Text | None = None


class ObservationLine(Struct):
    """An observation; unknown fields are ignored."""

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
    """A line is not a valid observation; the message names the field and what it must be."""


@dataclass(frozen=True)
class DecideRequest:
    """An observation and the parameters for its decision."""

    observation: LoadObservation
    tuning: Tuning


def answer(history: LoadHistory, line: bytes) -> tuple[LoadHistory, bytes]:
    """Return the history after a line, and the answer to it; an invalid line leaves the history unchanged."""
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
    """Return the request in a line, whose time must be later than `after`. Raises LineError."""
    try:
        found = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise LineError(_explain(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LineError(f"not JSON: {error}") from None
    if found.min > found.max:
        raise LineError(f"min must not exceed max: {found.min:.0f} > {found.max:.0f}")
    if after is not None and found.t <= after:
        raise LineError(f"t must increase: {found.t:g} follows {after:g}")
    if found.schedules and found.t < 0:
        raise LineError("t must be seconds since 1970-01-01 UTC if there are schedules")
    if len({pod.name for pod in found.pods}) < len(found.pods):
        raise LineError("pods: names must be unique")
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
        raise LineError(f"{path}.cron: {item.cron!r} is invalid: {problem}")
    zone = schedule.time_zone(item.time_zone or "UTC")
    if zone is None:
        raise LineError(f"{path}.time_zone: {item.time_zone!r} must be an IANA time zone, such as Europe/Berlin")
    return Schedule(item.name, item.cron, zone, timedelta(seconds=item.duration_s), int(item.min_replicas))


def _tuning(settings: Struct | None) -> Tuning:
    if settings is None:
        return Tuning()
    values = msgspec.structs.asdict(settings)
    return Tuning(**{name: int(value) if _BOUNDS.get(name) is Whole else value for name, value in values.items()})


_WORDS: Final = {
    "`float`": "a number",
    "`float | null`": "a number or null",
    "`str`": "a string",
    "`str | null`": "a string or null",
    "`bool`": "true or false",
    "`bool | null`": "true, false or null",
    "`object`": "a JSON object",
    "`object | null`": "a JSON object or null",
    "`array`": "an array",
    "`array | null`": "an array or null",
    "a number that's a multiple of 1.0": "a whole number",
}


def _explain(error: str) -> str:
    """Return msgspec's error in plain words, with the path of the field first."""
    what, _, path = error.partition(" - at `$")
    expected, but, got = what.partition(", got ")
    for theirs, ours in _WORDS.items():
        expected = expected.replace(theirs, ours)
    what = f"{expected}{but}{got}".replace("Expected ", "must be ").replace(", got ", ", not ").replace("`", "")
    if "unknown field" in what:
        what = f"{what}; the known ones are {', '.join(sorted(field.name for field in fields(Tuning)))}"
    what = what.replace(".0", "")
    return f"{path.strip('.`') or 'the line'}{' ' if what.startswith('must') else ': '}{what[0].lower()}{what[1:]}"
