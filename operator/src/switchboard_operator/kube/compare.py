"""Compares a live object with its manifest. Pure."""

import hashlib
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import orjson

_SHOWN: Final = 60
"""Maximum number of characters of a value in a difference."""
_HIDDEN: Final = frozenset({"data", "stringData", "binaryData"})
"""Top-level fields whose values a difference does not show, because they may be secret."""
_ANY: Final = "*"
_QUANTITIES: Final = (
    ("resources", "requests", _ANY),
    ("resources", "limits", _ANY),
    ("emptyDir", "sizeLimit"),
    ("resourceFieldRef", "divisor"),
    ("spec", "overhead", _ANY),
    ("spec", "capacity", _ANY),
    ("spec", "hard", _ANY),
)
"""Last segments of the paths that hold a quantity; elsewhere, such a value is plain text."""
_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)")
"""https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""
_DECIMAL: Final = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}

_Path = tuple[str | int, ...]


def difference(have: Any, want: Any) -> str | None:
    """Return a description of the first wanted value that is missing or differs, or None.

    Fields that only `have` contains are ignored: they are defaults, or have other owners. Quantities are compared by
    value, because the API server rewrites them (1024Mi becomes 1Gi).
    """
    return next(_differences(have, want, ()), None)


def digest(value: Any) -> str:
    """Return a short hash of a JSON value, independent of the order of keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def nanos(quantity: Any) -> int | None:
    """Return a Kubernetes quantity in units of 1e-9, rounded up like the API server; None if it is not a quantity."""
    match = _QUANTITY.fullmatch(str(quantity)) if isinstance(quantity, str | int | float) else None
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    scale = Fraction(10) ** int(exponent) if exponent else _scale(suffix or "")
    return math.ceil(Fraction(number) * scale * 10**9)


def _scale(suffix: str) -> Fraction:
    return Fraction(1024) ** _BINARY[suffix] if suffix in _BINARY else Fraction(1000) ** _DECIMAL[suffix]


def _differences(have: Any, want: Any, path: _Path) -> Iterator[str]:
    if isinstance(want, dict) and isinstance(have, dict):
        # Metadata last: the hash in an annotation differs whenever something more informative does.
        for key in sorted(want, key=lambda each: not path and each == "metadata"):
            if key in have:
                yield from _differences(have[key], want[key], (*path, key))
            else:
                yield f"{_spelled((*path, key))} is missing"
    elif isinstance(want, list) and isinstance(have, list) and len(have) == len(want):
        for index, (one, other) in enumerate(zip(have, want, strict=True)):
            yield from _differences(one, other, (*path, index))
    elif have != want and not _same_quantity(have, want, path):
        yield f"{_spelled(path)} is {_shown(have, path)} instead of {_shown(want, path)}"


def _same_quantity(have: Any, want: Any, path: _Path) -> bool:
    if not any(_ends_in(path, pattern) for pattern in _QUANTITIES):
        return False
    value = nanos(have)
    return value is not None and value == nanos(want)


def _ends_in(path: _Path, pattern: tuple[str, ...]) -> bool:
    last = path[-len(pattern) :]
    return len(last) == len(pattern) and all(
        wanted in (_ANY, found) for wanted, found in zip(pattern, last, strict=True)
    )


def _spelled(path: _Path) -> str:
    """Return the path as in JSONPath: spec.containers[0].image, metadata.annotations['a.b/c']."""
    parts = []
    for segment in path:
        if isinstance(segment, int):
            parts.append(f"[{segment}]")
        else:
            parts.append(f".{segment}" if segment.isidentifier() else f"[{segment!r}]")
    return "".join(parts).removeprefix(".") or "the value"


def _shown(value: Any, path: _Path) -> str:
    if path[:1] and path[0] in _HIDDEN:
        return "another value"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
