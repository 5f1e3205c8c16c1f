"""A small run of the proof `make prove-calls`: calls come about over each way, also with signaling cut in between."""

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


async def test_calls_come_about_over_each_way(tmp_path: Path) -> None:
    kinds = [Kind("direct", 5, cut=True), Kind("udp", 0, cut=True), Kind("tcp", 2, cut=False), Kind("tls", 0, cut=True)]
    found = figures(await prove(tmp_path, kinds, each=1))
    assert (found["connected"], found["problems"]) == (len(kinds), [])
