"""A small run of `make prove-calls`: calls connect over each path, also while signaling is interrupted."""

import os
from pathlib import Path

import pytest
from prove.calls import Kind, figures, prove

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cluster,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]


async def test_calls_connect_over_each_path(tmp_path: Path) -> None:
    kinds = [Kind("direct", 5, cut=True), Kind("udp", 0, cut=True), Kind("tcp", 2, cut=False), Kind("tls", 0, cut=True)]
    found = figures(await prove(tmp_path, kinds, each=1))
    assert (found["connected"], found["problems"]) == (len(kinds), [])
