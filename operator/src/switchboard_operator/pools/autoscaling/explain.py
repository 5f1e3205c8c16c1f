"""A decision in words: which term won with which numbers, and what limited it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One reason for pods, and how many it wants."""

    name: str
    pods: int
    how: str
    """The numbers behind it."""

    def __str__(self) -> str:
        return f"{self.name} wants {self.pods} ({self.how})"


def sentence(current: int, desired: int, reason: object, limits: Sequence[str] = ()) -> str:
    """Return the decision in one line: `3 -> 5: buffer wants 5 (412 sessions + 60 free / 100); up limit 22`."""
    change = f"{current} stays" if current == desired else f"{current} -> {desired}"
    return "; ".join((f"{change}: {reason}", *limits))


def number(value: float) -> str:
    """Return a number without needless digits."""
    return f"{value:.0f}" if value == round(value) or abs(value) >= 10 else f"{value:.1f}"
