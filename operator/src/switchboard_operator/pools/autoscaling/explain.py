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


def reason(wanted: Term, limits: Sequence[str]) -> str:
    """Return what wants the pods, and what limited that."""
    return "; ".join((str(wanted), *limits))


def change(current: int, desired: int) -> str:
    """Return what a decision comes to."""
    return f"{current} stays" if current == desired else f"{current} -> {desired}"


def number(value: float) -> str:
    """Return a number without needless digits."""
    return f"{value:.0f}" if value == round(value) or abs(value) >= 10 else f"{value:.1f}"
