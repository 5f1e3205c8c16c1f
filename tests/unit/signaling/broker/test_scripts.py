"""What a call of the store's client may fail with."""

import pytest
from redis.exceptions import BusyLoadingError

from switchboard_signaling.broker.scripts import STORE_ERRORS, of_store


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


async def test_what_the_store_says_passes_as_it_is() -> None:
    with pytest.raises(BusyLoadingError):
        await of_store(fail(BusyLoadingError("loading")))


async def test_an_answer_is_given_back() -> None:
    async def answer() -> int:
        return 7

    assert await of_store(answer()) == 7
