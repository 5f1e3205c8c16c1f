"""The order and the concurrency of test files.

A lane is a group of test files that share a resource, such as a cluster or the processors, and run one after another in
one process of pytest-xdist. Lanes run concurrently, the longest first.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

LANES = (
    ("tests/e2e/test_links.py", "browser"),
    ("tests/e2e/test_", "quickstart"),
    ("tests/browser/", "browser"),
    ("tests/e2e/cluster/", "cluster"),
)
"""Prefixes of paths and their lanes. The first match counts; a file without a match is a lane of its own.

The quickstart has its own lane, since its tests kill its pods. All other tests with browsers share a lane with those
that measure links, because each call keeps a processor busy.
"""
ORDER = (
    "quickstart",
    "browser",
    "cluster",
    "tests/e2e/operator/test_drain.py",
    "tests/e2e/operator/test_pools.py",
)
"""Lanes that take minutes, the longest first, so that they do not start last."""


def lane(path: str) -> str:
    """Return the lane of a test file; `path` is relative to the root."""
    return next((name for start, name in LANES if path.startswith(start)), path)


def rank(path: str) -> int:
    """Return the position of a test file's lane in the order of their starts."""
    name = lane(path)
    return ORDER.index(name) if name in ORDER else len(ORDER)


def path_of(item: pytest.Item) -> str:
    """Return the path of a test's file relative to the root."""
    return item.path.relative_to(item.config.rootpath).as_posix()


class LaneScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Assigns one lane at a time to each process."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid.partition("::")[0])
