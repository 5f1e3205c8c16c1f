"""How many pods each revision of a pool should have: the move from older revisions to the current one. Pure.

The current revision grows within the surge; older pods go only as current ones serve. A revision whose pods never
serve therefore stops the rollout with the older pods kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RevisionState:
    """One revision's ReplicaSet as it is."""

    name: str
    replicas: int
    """Pods asked for."""
    existing: int
    """Pods that exist."""
    ready: int
    """Pods that serve."""


@dataclass(frozen=True)
class Plan:
    """What should be: pods of the current revision, pods of each older one, and the older ones that are used up."""

    current: int
    older: dict[str, int]
    used_up: tuple[str, ...]


def surge(wanted: int) -> int:
    """Return how many pods beyond those wanted a rollout may use: a quarter, as in Deployments, and at least one."""
    return max(1, math.ceil(wanted / 4))


def plan(wanted: int, current: RevisionState, older: Sequence[RevisionState]) -> Plan:
    """Return the next step towards all wanted pods being of the current revision."""
    room = wanted + surge(wanted) - sum(max(state.replicas, state.existing) for state in older)
    kept = min(current.replicas, wanted)
    next_current = min(wanted, max(kept, room)) if older else wanted
    still_needed = max(0, wanted - current.ready)
    next_older = {}
    for state in sorted(older, key=lambda state: (-state.ready, state.name)):
        next_older[state.name] = min(state.replicas, still_needed)
        still_needed -= next_older[state.name]
    used_up = tuple(state.name for state in older if state.replicas == 0 and state.existing == 0)
    return Plan(next_current, next_older, used_up)
