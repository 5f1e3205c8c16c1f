"""A status is written when it changed, and an event when the readiness did."""

from typing import Any

import pytest
from tests.unit.operator.examples import resource
from tests.unit.operator.kube.fake import FakeKube, refusal

from switchboard_crds import names
from switchboard_crds.turn_fleet import TurnFleet
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube.client import ApiError
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.resources import EVENT
from switchboard_operator.status.conditions import Fact
from switchboard_operator.status.writer import StatusWriter

FLEETS = api_of_kind(names.TURN_FLEET)
GOOD = Fact("ServersHealthy", True, "Relaying", "1 servers relay.")
STARTING = Fact("ServersHealthy", False, "Starting", "0 of 1 servers relay.", in_progress=True)
BAD = Fact("ServersHealthy", False, "ImagePull", "Pod web/a: no such image. Remedy: correct it")


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube(resource("TurnFleet", "relays", regions=[{"name": "north"}]))


async def write(kube: FakeKube, fact: Fact, **fields: Any) -> None:
    live = await kube.get(FLEETS, "web", "relays")
    assert live is not None
    writer = StatusWriter(kube, Recorder(kube, "example.org/operator", "operator-1"))
    informational = [Fact("Spare", False, "None", "There is none.")]
    await writer.write(names.TURN_FLEET, live, TurnFleet.model_validate(live), fields, [fact], informational)


def status(kube: FakeKube) -> Any:
    return kube.found(FLEETS, "relays")["status"]


def events(kube: FakeKube) -> list[tuple[str, str, str]]:
    return sorted((event["type"], event["reason"], event["note"]) for event in kube.of(EVENT))


async def test_the_status_has_the_fields_and_every_condition(kube: FakeKube) -> None:
    await write(kube, GOOD, healthyServers=1)
    found = status(kube)
    assert (found["observedGeneration"], found["healthyServers"]) == (1, 1)
    said = {condition["type"]: condition["status"] for condition in found["conditions"]}
    assert said == {"Ready": "True", "ServersHealthy": "True", "Spare": "False"}


async def test_an_unchanged_status_is_not_written(kube: FakeKube) -> None:
    await write(kube, GOOD, healthyServers=1)
    kube.calls.clear()
    await write(kube, GOOD, healthyServers=1)
    assert kube.writes == []
    await write(kube, GOOD, healthyServers=2)
    assert kube.writes == ["PATCH turnfleets/relays/status"], "a number alone is no event"


async def test_each_change_of_readiness_is_an_event_and_a_failure_a_warning(kube: FakeKube) -> None:
    for fact in (STARTING, BAD, BAD, GOOD):
        await write(kube, fact)
    assert events(kube) == [
        ("Normal", "Ready", "The resource matches its spec."),
        ("Normal", "Starting", "0 of 1 servers relay."),
        ("Warning", "ImagePull", "Pod web/a: no such image. Remedy: correct it"),
    ]


async def test_a_refused_status_is_raised_without_an_event(kube: FakeKube) -> None:
    kube.failures["PATCH turnfleets"] = refusal(422, "Invalid")
    with pytest.raises(ApiError, match="422"):
        await write(kube, BAD)
    assert events(kube) == []


async def test_a_status_is_written_even_if_its_event_cannot_be(kube: FakeKube) -> None:
    kube.failures["POST events"] = refusal(403, "Forbidden")
    await write(kube, BAD)
    assert status(kube)["conditions"][0]["reason"] == "ImagePull"
    assert kube.writes[-1].startswith("POST events/relays.")
