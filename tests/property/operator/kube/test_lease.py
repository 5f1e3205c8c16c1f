"""The Lease under slow answers, errors, and answers that are lost after the write."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.operator.kube.lease_server import FakeKube
from tests.virtual_time import run

from switchboard_operator.kube.client import REQUEST_TIMEOUT, UnavailableError
from switchboard_operator.kube.lease import Elector, Timing

TIMING = Timing()


class Outcome(Enum):
    """What becomes of a request."""

    ANSWERED = "answered"
    REFUSED = "refused before the write"
    LOST = "written, but the answer is lost"


@dataclass(frozen=True)
class Request:
    """How one request to write goes."""

    before: float
    """Seconds until it is written."""
    after: float
    """Seconds from then until it is answered."""
    outcome: Outcome = Outcome.ANSWERED


SECONDS = st.sampled_from([0.0, 0.01, 0.4, 1.9, 2.0, 4.5, 4.99, 5.0, 9.9]) | st.floats(0, 12)
REQUESTS = st.lists(st.builds(Request, SECONDS, SECONDS, st.sampled_from(Outcome)), max_size=12)
FAILS = Request(0.4, 0, Outcome.REFUSED)


class SlowKube:
    """One client's way to the server: requests have the given outcomes, and all later ones fail."""

    def __init__(self, server: FakeKube, requests: list[Request]) -> None:
        self._server = server
        self._requests: Iterator[Request] = iter(requests)
        self.written: list[float] = []
        """When its requests were written."""
        self._late: set[asyncio.Task[Any]] = set()

    async def get(self, *arguments: Any) -> Any:
        return await self._server.get(*arguments)

    async def request(self, *arguments: Any, **_: Any) -> Any:
        request = next(self._requests, FAILS)
        # The server goes on with a request whose client gave it up.
        task = asyncio.create_task(self._serve(request, arguments))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise UnavailableError("no answer in time") from error

    async def _serve(self, request: Request, arguments: tuple[Any, ...]) -> Any:
        await asyncio.sleep(request.before)
        if request.outcome is Outcome.REFUSED:
            raise UnavailableError("refused")
        answer = await self._server.request(*arguments)
        self.written.append(asyncio.get_running_loop().time())
        await asyncio.sleep(request.after)
        if request.outcome is Outcome.LOST:
            raise UnavailableError("the connection was reset")
        return answer


def elector(kube: Any, name: str) -> Elector:
    return Elector(kube, "system", "operator", name, TIMING)


async def reign(requests: list[Request]) -> None:
    """Have one candidate lead until it stops, while a rival with a perfect link waits for its chance."""
    server = FakeKube()
    link = SlowKube(server, requests)
    first, rival = elector(link, "first"), elector(server, "rival")
    taking = asyncio.create_task(first.acquire())
    await asyncio.sleep(0.001)  # in which the Lease is written, so that it is not the rival's
    waiting = asyncio.create_task(rival.acquire())
    await taking
    await first.hold()
    assert not waiting.done(), "two replicas act"
    stopped = asyncio.get_running_loop().time()
    assert stopped - max(link.written) < TIMING.duration
    await waiting


@given(st.floats(0, 4.9), REQUESTS)
@example(0, [Request(0, 4.5), *[FAILS] * 20])
@example(4.9, [])
@example(0, [Request(0, 0, Outcome.LOST)])
def test_the_leader_stops_before_a_rival_may_start(taken_after: float, requests: list[Request]) -> None:
    run(reign([Request(0, taken_after), *requests]))


@given(st.floats(0, 4.9))
def test_the_holder_counts_from_the_time_before_its_first_request(taken_after: float) -> None:
    async def stopped() -> float:
        first = elector(SlowKube(FakeKube(), [Request(0, taken_after)]), "first")
        await first.acquire()
        await first.hold()
        return asyncio.get_running_loop().time()

    assert run(stopped()) <= TIMING.renew + 0.001


def test_a_hanging_attempt_leaves_time_for_another() -> None:
    async def written() -> int:
        hangs = Request(60, 0)
        kube = SlowKube(FakeKube(), [Request(0, 0), hangs, Request(0, 0), hangs, Request(0, 0)])
        first = elector(kube, "first")
        await first.acquire()
        await first.hold()
        return len(kube.written)

    assert run(written()) == 3
