"""What a call of the store's client may fail with."""

import pytest
from redis.exceptions import BusyLoadingError, RedisClusterException, SlotNotCoveredError

from switchboard_signaling.broker.scripts import STORE_ERRORS, SlotsUnknownError, of_store


async def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed"),
        AttributeError("'NoneType' object has no attribute 'writelines'"),
    ],
)
async def test_a_connection_closed_under_a_call_is_a_store_that_cannot_serve(error: Exception) -> None:
    with pytest.raises(STORE_ERRORS, match=type(error).__name__):
        await of_store(fail(error))


@pytest.mark.parametrize(
    "error",
    [
        KeyError(841),
        SlotNotCoveredError("Slot 841 is not covered by the cluster."),
        IndexError("list index out of range"),
        RedisClusterException("Redis Cluster cannot be connected."),
    ],
)
async def test_a_table_of_slots_that_lacks_one_is_told_apart_for_it_must_be_read_anew(error: Exception) -> None:
    with pytest.raises(SlotsUnknownError, match=type(error).__name__):
        await of_store(fail(error))
    assert issubclass(SlotsUnknownError, STORE_ERRORS)


async def test_what_the_store_says_passes_as_it_is() -> None:
    with pytest.raises(BusyLoadingError):
        await of_store(fail(BusyLoadingError("loading")))


async def test_an_answer_is_given_back() -> None:
    async def answer() -> int:
        return 7

    assert await of_store(answer()) == 7
