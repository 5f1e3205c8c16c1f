"""References between custom resources, so that a change of one triggers a reconciliation of the other. Pure.

They only trigger; each reconciliation reads the current state again. A pool registers its references in its first
reconciliation after a start of the operator.
"""

from collections.abc import Collection

from switchboard_operator.owned.owner import OwnerKey


class References:
    """References from custom resources to others."""

    def __init__(self) -> None:
        self._targets: dict[OwnerKey, frozenset[OwnerKey]] = {}
        self._sources: dict[OwnerKey, set[OwnerKey]] = {}

    def set(self, source: OwnerKey, targets: Collection[OwnerKey]) -> set[OwnerKey]:
        """Replace the references of a resource; return the targets that were added or removed."""
        before, after = self._targets.pop(source, frozenset()), frozenset(targets)
        for target in before - after:
            self._sources[target].discard(source)
            if not self._sources[target]:
                del self._sources[target]
        for target in after:
            self._sources.setdefault(target, set()).add(source)
        if after:
            self._targets[source] = after
        return set(before ^ after)

    def to(self, target: OwnerKey) -> frozenset[OwnerKey]:
        """Return the resources that refer to the target."""
        return frozenset(self._sources.get(target, ()))
