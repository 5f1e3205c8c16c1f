import asyncio

import pytest
from tests.unit.operator.kube.lease_server import FakeKube

from switchboard_operator.kube.lease import Elector, Timing

FAST = Timing(duration=0.2, renew=0.1, retry=0.01)


def elector(kube: FakeKube, name: str) -> Elector:
    return Elector(kube, "system", "operator", name, FAST)  # type: ignore[arg-type]  # a fake


async def acquire(candidate: Elector) -> None:
    await asyncio.wait_for(candidate.acquire(), 2)


async def test_the_first_candidate_creates_the_lease() -> None:
    kube = FakeKube()
    await acquire(elector(kube, "a"))
    assert kube.holder == "a"


async def test_another_candidate_waits_while_the_lease_is_renewed() -> None:
    kube = FakeKube()
    first = elector(kube, "a")
    await acquire(first)
    holding = asyncio.create_task(first.hold())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(elector(kube, "b").acquire(), 0.5)
    assert kube.holder == "a"
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_another_candidate_acquires_an_expired_lease_and_counts_the_transition() -> None:
    kube = FakeKube()
    await acquire(elector(kube, "a"))
    second = elector(kube, "b")
    await acquire(second)
    assert kube.holder == "b"
    assert second.transitions == 1


async def test_a_released_lease_is_free_at_once() -> None:
    kube = FakeKube()
    first = elector(kube, "a")
    await acquire(first)
    await first.release()
    await first.release()
    assert kube.holder is None
    await acquire(elector(kube, "b"))
    assert kube.holder == "b"


async def test_a_renewal_without_an_answer_does_not_prevent_the_release() -> None:
    kube = FakeKube()
    first = elector(kube, "a")
    await acquire(first)
    kube.version += 1
    kube.lease["metadata"]["resourceVersion"] = str(kube.version)
    await first.release()
    assert kube.holder is None


async def test_a_lease_of_another_holder_is_not_released() -> None:
    kube = FakeKube()
    first = elector(kube, "a")
    await acquire(first)
    kube.version += 1
    kube.lease["metadata"]["resourceVersion"] = str(kube.version)
    kube.lease["spec"]["holderIdentity"] = "b"
    await first.release()
    assert kube.holder == "b"


async def test_the_holder_stops_when_it_cannot_renew_before_another_may_start() -> None:
    kube = FakeKube()
    first = elector(kube, "a")
    await acquire(first)
    kube.down = True
    assert await asyncio.wait_for(first.hold(), 0.19) == "the Lease could not be renewed in time"


async def test_the_holder_stops_when_another_took_the_lease() -> None:
    kube = FakeKube()
    first = elector(kube, "a")
    await acquire(first)
    kube.version += 1
    kube.lease["spec"]["holderIdentity"] = "b"
    kube.lease["metadata"]["resourceVersion"] = str(kube.version)
    assert await asyncio.wait_for(first.hold(), 1) == "another replica took the Lease"


async def test_a_candidate_survives_an_outage_of_the_api_server() -> None:
    kube = FakeKube()
    kube.down = True
    waiting = asyncio.create_task(elector(kube, "a").acquire())
    await asyncio.sleep(0.05)
    kube.down = False
    await asyncio.wait_for(waiting, 2)
    assert kube.holder == "a"


async def test_a_candidate_resumes_its_own_lease() -> None:
    kube = FakeKube()
    await acquire(elector(kube, "a"))
    again = elector(kube, "a")
    await acquire(again)
    assert again.transitions == 0


async def test_the_fence_grows_with_each_leader_even_if_the_lease_is_created_again() -> None:
    kube = FakeKube()
    first, second, third = (elector(kube, name) for name in "abc")
    assert first.fence == 0
    await acquire(first)
    fences = [first.fence]
    await first.release()
    await acquire(second)
    fences.append(second.fence)
    kube.lease, kube.created = None, "2026-01-01T00:00:01Z"
    await acquire(third)
    fences.append(third.fence)
    assert fences == sorted(set(fences))
