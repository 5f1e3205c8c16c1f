"""A small run of the proof `make prove-signaling`: what happens to the store costs no call, no message and no place."""

from pathlib import Path

import pytest
from prove import signaling


@pytest.mark.timeout(300)
async def test_no_call_message_or_place_is_lost_while_all_happens_to_the_store(tmp_path: Path) -> None:
    figures = await signaling.run(tmp_path, clients=40, faults=["move", "hand-over", "replace", "wipe"], processes=1)
    assert figures["passed"], figures
    assert (figures["lost"], figures["doubled"], figures["disordered"]) == (0, 0, 0)
    assert figures["matched_in_order"]
