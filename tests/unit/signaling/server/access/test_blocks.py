"""Who is kept out, as a pod knows it."""

import pytest
import structlog

from switchboard_signaling.broker import shared_stats as ledgers
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import Blocks, MemorySharedStats
from switchboard_signaling.server.access.blocks import Blocklist, of_session, of_subject


@pytest.fixture
def shared_stats() -> MemorySharedStats:
    return MemorySharedStats("pod", lambda: 0.0)


async def test_a_pod_learns_of_what_another_one_was_told(shared_stats: MemorySharedStats) -> None:
    one, two = Blocklist(shared_stats), Blocklist(shared_stats)
    await one.block(of_subject("ada"), 60)
    await one.block(of_session("sid"), 60)
    assert one.holds("ada", "?")
    assert not two.holds("ada", "?")
    await two.read()
    assert two.holds("ada", "?")
    assert two.holds("?", "sid")
    assert not two.holds("sid", "ada")
    await one.unblock(of_subject("ada"))
    assert not one.holds("ada", "?")
    await two.read()
    await two.read()
    assert not two.holds("ada", "?")


async def test_a_block_ends_by_itself(shared_stats: MemorySharedStats) -> None:
    blocks = Blocklist(shared_stats)
    await blocks.block(of_subject("ada"), 0)
    assert not blocks.holds("ada", "?")
    assert blocks.seconds() == {}


async def test_after_a_wipe_pods_write_down_again_what_they_know() -> None:
    before, after = MemorySharedStats("pod", lambda: 0.0), MemorySharedStats("pod", lambda: 0.0)
    blocks = Blocklist(before)
    for name in ("ada", "bob"):
        await blocks.block(of_subject(name), 60)
    await blocks.read()
    blocks._ledger = after
    await after.block(of_subject("eve"), 60)
    await blocks.read()
    assert all(blocks.holds(name, "?") for name in ("ada", "bob", "eve"))
    found = await after.blocks(0)
    assert found is not None
    assert set(found.seconds) == {of_subject(name) for name in ("ada", "bob", "eve")}


async def test_without_the_store_what_is_known_holds(
    shared_stats: MemorySharedStats, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = Blocklist(shared_stats)
    await blocks.block(of_subject("ada"), 60)

    async def away(_version: int) -> Blocks | None:
        raise BrokerUnavailableError

    monkeypatch.setattr(shared_stats, "blocks", away)
    with pytest.raises(BrokerUnavailableError):
        await blocks.read()
    assert blocks.holds("ada", "?")


async def test_what_has_no_room_after_a_wipe_still_holds_here(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = MemorySharedStats("pod", lambda: 0.0), MemorySharedStats("pod", lambda: 0.0)
    blocks = Blocklist(before)
    for name in ("ada", "bob"):
        await blocks.block(of_subject(name), 60)
    await blocks.read()
    blocks._ledger = after
    await after.block(of_subject("eve"), 60)
    monkeypatch.setattr(ledgers, "MAX_BLOCKS", 1)
    with structlog.testing.capture_logs() as lines:
        await blocks.read()
    assert all(blocks.holds(name, "?") for name in ("ada", "bob", "eve"))
    assert [(line["event"], line["log_level"]) for line in lines] == [("blocks_not_restored", "error")]
