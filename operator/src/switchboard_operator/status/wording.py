"""Counts and lists in messages for people. Pure."""

from collections.abc import Iterable
from typing import Final

LISTED: Final = 3
"""Names that a list spells out."""


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `count(2, "pod")` is "2 pods", `count(1, "pod is", "pods are")` is "1 pod is"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def portion(part: int, whole: int, one: str, many: str = "") -> str:
    """Return a part of a number with its noun and verb: `portion(1, 3, "pod")` is "1 of 3 pods is"."""
    return f"{part} of {count(whole, one, many)} {'is' if 1 in (part, whole) else 'are'}"


def listing(names: Iterable[str]) -> str:
    """Return the first names in the given order, and how many more there are: "a, b, c and 2 more"."""
    every = list(names)
    more = f" and {len(every) - LISTED} more" if len(every) > LISTED else ""
    return ", ".join(every[:LISTED]) + more
