"""The lanes of test files."""

from pathlib import Path

import pytest
from tools import lanes
from tools.lanes import LaneScheduling


@pytest.mark.parametrize(
    ("path", "lane"),
    [
        ("tests/e2e/test_links.py", "browser"),
        ("tests/e2e/test_calls.py", "quickstart"),
        ("tests/browser/test_networks.py", "browser"),
        ("tests/e2e/cluster/test_failures.py", "cluster"),
        ("tests/e2e/operator/test_pools.py", "tests/e2e/operator/test_pools.py"),
        ("tests/fuzz/test_http.py", "tests/fuzz/test_http.py"),
    ],
)
def test_the_lane_of_a_file(path: str, lane: str) -> None:
    assert lanes.lane(path) == lane


def test_the_longest_lanes_start_first() -> None:
    paths = [
        "tests/fuzz/test_http.py",
        "tests/e2e/operator/test_drain.py",
        "tests/browser/a",
        "tests/e2e/test_calls.py",
    ]
    assert sorted(paths, key=lanes.rank) == paths[::-1]


def test_the_paths_of_lanes_exist() -> None:
    root = Path(__file__).parents[3]
    for start in [*(start for start, _ in lanes.LANES), *(name for name in lanes.ORDER if name.endswith(".py"))]:
        assert list(root.glob(f"{start}*")), start


def test_the_tests_of_a_lane_run_in_one_process() -> None:
    scheduling = LaneScheduling.__new__(LaneScheduling)
    tests = ["tests/browser/test_call.py::test_a[b::c]", "tests/browser/test_page.py::test_d"]
    assert {scheduling._split_scope(test) for test in tests} == {"browser"}
