"""Which pools refer to which resources, so that a change of one wakes the other. Pure bookkeeping.

It only decides who is woken; what is true is read anew at each reconciliation. Every pool enters its references at its
first reconciliation after a start.
"""

from collections.abc import Collection

from switchboard_operator.owned.owner import OwnerKey


class References:
    """References from resources of ours to others."""

    def __init__(self) -> None:
        self._targets: dict[OwnerKey, frozenset[OwnerKey]] = {}
        self._sources: dict[OwnerKey, set[OwnerKey]] = {}

    def set(self, source: OwnerKey, targets: Collection[OwnerKey]) -> set[OwnerKey]:
        """Enter all references of a resource; return those targets that were added or removed."""
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
        """Return the resources that refer to one."""
        return frozenset(self._sources.get(target, ()))
