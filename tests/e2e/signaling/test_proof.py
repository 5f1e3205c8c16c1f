"""A small run of `make prove-signaling`: faults of the store cost no call, no message and no queue order."""

from pathlib import Path

import pytest
from prove import signaling


@pytest.mark.timeout(300)
async def test_no_call_message_or_queue_order_is_lost_through_faults_of_the_store(tmp_path: Path) -> None:
    figures = await signaling.run(tmp_path, clients=40, faults=["move", "hand-over", "replace", "wipe"], processes=1)
    assert figures["passed"], figures
    assert (figures["lost"], figures["duplicated"], figures["out_of_order"]) == (0, 0, 0)
    assert figures["matched_in_order"]
