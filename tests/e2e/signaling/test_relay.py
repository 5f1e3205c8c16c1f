"""A small run of `make prove-relay`: calls over servers that are killed and paused in turn lose nothing."""

import json
from pathlib import Path

import pytest
from prove import relay


@pytest.mark.timeout(300)
async def test_no_message_is_lost_or_duplicated_while_servers_die_and_freeze(tmp_path: Path) -> None:
    figures = await relay.run(tmp_path, clients=200, faults=["kill", "kill", "pause", "kill"], processes=1)
    del figures["faults"]
    assert figures["passed"], json.dumps(figures)
    assert (figures["lost"], figures["duplicated"], figures["out_of_order"]) == (0, 0, 0)
    assert figures["sent"] > 1000
