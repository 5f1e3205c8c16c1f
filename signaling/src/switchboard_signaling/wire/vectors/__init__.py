"""The shared vectors: what every client of `switchboard.v1` does, as data, and the comparison with what a client does.

`python -m switchboard_signaling.wire.vectors` runs them on a client in any language. Their format and the conversation
with the client are described in docs/reference/vectors.md.
"""

import json
import re
from collections.abc import Callable
from importlib import resources
from typing import Any, Final, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]

LEVELS: Final = (1, 2)
"""Conformance levels (docs/reference/protocol.md); each includes the ones below."""
EVENTS: Final = {"match": 1, "message": 1, "ended": 1, "stopped": 1, "queued": 2, "peer": 2, "problem": 2}
"""Events that are compared, and the level from which on; a client may emit others."""
_RESULTS: Final = frozenset({"sends", "emits", "times"})
_REPEATED: Final = re.compile(r"\{(\d+) x (.)\}")


class Vector(NamedTuple):
    """One vector; `steps` begin with the preamble of its file."""

    name: str
    level: int
    steps: list[Json]


class VectorError(Exception):
    """A client did something other than its vector says."""


def load_vectors(level: int = LEVELS[-1]) -> list[Vector]:
    """Return the vectors that a client of this conformance level passes."""
    folder = resources.files(__name__)
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    documents = [(file.name, json.loads(file.read_text(encoding="utf-8"))) for file in files]
    vectors = [
        Vector(f"{name}: {one['name']}", one["level"], document["preamble"] + one["steps"])
        for name, document in documents
        for one in document["vectors"]
    ]
    return [one for one in vectors if one.level <= level]


def play(vector: Vector, ask: Callable[[Json], Json], level: int = LEVELS[-1]) -> None:
    """Run a vector on a new client of this level; raises VectorError where the client deviates.

    `ask` passes one request to the client and returns its answer.
    """
    ask({"start": vector.name})
    comparison = _Comparison(level)
    at = 0
    for number, step in enumerate(vector.steps, 1):
        at = step.get("at", at)
        for _ in range(step.get("times", 1)):
            answer = ask({**comparison.request(step), "at": at})
            comparison.check(f"step {number}", step, answer)


class _Comparison:
    """Compare the answers for one vector, whose variables take the first value that they meet."""

    def __init__(self, level: int) -> None:
        self._events = {name for name, since in EVENTS.items() if since <= level}
        self._variables: Json = {}

    def request(self, step: Json) -> Json:
        """Return what the client is asked to do in a step."""
        return {key: self._filled(one) for key, one in step.items() if key not in _RESULTS}

    def check(self, where: str, step: Json, answer: Json) -> None:
        """Compare an answer with the results that a step expects."""
        self._compare(f"{where}: sends", step.get("sends", []), answer.get("sends", []))
        emits = [[one for one in side.get("emits", []) if one.get("event") in self._events] for side in (step, answer)]
        self._compare(f"{where}: emits", *emits)

    def _filled(self, value: Any) -> Any:
        """Return a value with its variables and its repeated characters put in."""
        match value:
            case dict():
                return {key: self._filled(one) for key, one in value.items()}
            case list():
                return [self._filled(one) for one in value]
            case str():
                return self._variables.get(value, _unfolded(value))
        return value

    def _compare(self, where: str, expected: Any, actual: Any) -> None:
        match expected, actual:
            case dict(), dict():
                if "auth" in actual.keys() - expected.keys():
                    raise VectorError(f"{where}: has a JWT, which it must not have")
                for key, one in expected.items():
                    self._compare(f"{where}.{key}", one, actual.get(key))
            case list(), list() if len(expected) == len(actual):
                for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
                    self._compare(f"{where}[{index}]", one, other)
            case str(), _ if expected.startswith("$"):
                self._equal(where, self._variables.setdefault(expected, actual), actual)
            case _:
                self._equal(where, expected, actual)

    @staticmethod
    def _equal(where: str, expected: Any, actual: Any) -> None:
        if expected != actual:
            raise VectorError(f"{where}: expected {_json(expected)}, got {_json(actual)}")


def _unfolded(text: str) -> str:
    folded = _REPEATED.fullmatch(text)
    return folded[2] * int(folded[1]) if folded else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
