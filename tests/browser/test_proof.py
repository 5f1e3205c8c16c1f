"""A small run of the proof `make prove-calls`: calls come about over each way, also with signaling cut in between."""

from pathlib import Path

import pytest
from prove.calls import Kind, figures, prove

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


async def test_calls_come_about_over_each_way(tmp_path: Path) -> None:
    kinds = [Kind("direct", 5, cut=True), Kind("udp", 0, cut=True), Kind("tcp", 0, cut=False), Kind("tls", 0, cut=True)]
    found = figures(await prove(tmp_path, kinds, each=1))
    assert (found["connected"], found["problems"]) == (len(kinds), [])
