"""Which tests run one after another, and which side by side.

A lane is a group of test files that share something, a cluster or the processors, and runs in one process of
pytest-xdist. Lanes run side by side, the longest first.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

LANES = (
    ("tests/e2e/test_links.py", "browser"),
    ("tests/e2e/test_", "quickstart"),
    ("tests/browser/", "browser"),
    ("tests/e2e/cluster/", "cluster"),
)
"""What the paths of files begin with, and their lanes; the first that fits counts, other files are lanes themselves.

The quickstart has one lane, as its tests kill its pods. All other browsers have one beside it, because each call keeps
a processor busy, and with them the tests that measure links.
"""
ORDER = (
    "quickstart",
    "browser",
    "cluster",
    "tests/e2e/operator/test_drain.py",
    "tests/e2e/operator/test_pools.py",
)
"""Lanes that take minutes, the longest first; they are not to be the last to begin."""


def lane(path: str) -> str:
    """Return the lane of a test file, by its path from the root."""
    return next((name for start, name in LANES if path.startswith(start)), path)


def rank(path: str) -> int:
    """Return the place of a test file's lane in the order in which they begin."""
    name = lane(path)
    return ORDER.index(name) if name in ORDER else len(ORDER)


def path_of(item: pytest.Item) -> str:
    """Return the path of a test's file from the root."""
    return item.path.relative_to(item.config.rootpath).as_posix()


class LaneScheduling(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """Assign one lane at a time to each process."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid.partition("::")[0])
