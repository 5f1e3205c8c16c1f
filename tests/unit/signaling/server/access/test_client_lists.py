"""Lists of clients, as a pod knows them."""

import pytest
import structlog

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import MAX_LISTED, ListedNames, ListName, MemorySharedStats
from switchboard_signaling.server.access.client_lists import ClientList, of_session, of_subject


@pytest.fixture
def shared_stats() -> MemorySharedStats:
    return MemorySharedStats("pod", lambda: 0.0)


async def test_a_name_reaches_the_other_pods(shared_stats: MemorySharedStats) -> None:
    one, two = ClientList("blocks", shared_stats), ClientList("blocks", shared_stats)
    await one.add(of_subject("ada"), 60)
    await one.add(of_session("sid"), 60)
    assert one.holds("ada", "?")
    assert not two.holds("ada", "?")
    await two.read()
    assert two.holds("ada", "?")
    assert two.holds("?", "sid")
    assert not two.holds("sid", "ada")
    await one.remove(of_subject("ada"))
    assert not one.holds("ada", "?")
    await two.read()
    await two.read()
    assert not two.holds("ada", "?")


async def test_a_name_expires(shared_stats: MemorySharedStats) -> None:
    blocks = ClientList("blocks", shared_stats)
    await blocks.add(of_subject("ada"), 0)
    assert not blocks.holds("ada", "?")
    assert blocks.seconds() == {}


async def wiped() -> tuple[ClientList, MemorySharedStats]:
    """Return a list on which ada and bob are known, and the store's after a wipe, which has eve only."""
    before, after = MemorySharedStats("pod", lambda: 0.0), MemorySharedStats("pod", lambda: 0.0)
    blocks = ClientList("blocks", before)
    for name in ("ada", "bob"):
        await blocks.add(of_subject(name), 60)
    await blocks.read()
    blocks._shared_stats = after
    await after.add("blocks", of_subject("eve"), 60)
    return blocks, after


async def test_pods_restore_a_wiped_list() -> None:
    blocks, after = await wiped()
    await blocks.read()
    assert all(blocks.holds(name, "?") for name in ("ada", "bob", "eve"))
    found = await after.listed("blocks", 0)
    assert found is not None
    assert set(found.seconds) == {of_subject(name) for name in ("ada", "bob", "eve")}


async def test_without_the_store_the_known_list_stays_in_effect(
    shared_stats: MemorySharedStats, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = ClientList("blocks", shared_stats)
    await blocks.add(of_subject("ada"), 60)

    async def away(_which: ListName, _version: int) -> ListedNames | None:
        raise BrokerUnavailableError

    monkeypatch.setattr(shared_stats, "listed", away)
    with pytest.raises(BrokerUnavailableError):
        await blocks.read()
    assert blocks.holds("ada", "?")


async def test_entries_without_room_after_a_wipe_stay_in_effect_on_this_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, _ = await wiped()
    monkeypatch.setitem(MAX_LISTED, "blocks", 1)
    with structlog.testing.capture_logs() as lines:
        await blocks.read()
    assert all(blocks.holds(name, "?") for name in ("ada", "bob", "eve"))
    assert [(line["event"], line["log_level"]) for line in lines] == [("client_list_not_restored", "error")]
