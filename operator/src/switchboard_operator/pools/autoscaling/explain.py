"""Text of a decision: the term that needs the most pods, its numbers, and the limits. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from switchboard_operator.status.wording import count


@dataclass(frozen=True, slots=True)
class Term:
    """A reason for pods, and how many it needs."""

    name: str
    pods: int
    how: str
    """The numbers that it is computed from."""

    def __str__(self) -> str:
        return f"{self.name} needs {count(self.pods, 'pod')} ({self.how})"


def reason(wanted: Term, limits: Sequence[str]) -> str:
    """Return the term and the limits as text."""
    return "; ".join((str(wanted), *limits))


def change(current: int, desired: int) -> str:
    """Return the change of the number of pods as text."""
    return f"unchanged at {current}" if current == desired else f"{current} -> {desired}"


def number(value: float) -> str:
    """Return a number without insignificant digits."""
    return f"{value:.0f}" if value == round(value) or abs(value) >= 10 else f"{value:.1f}"
