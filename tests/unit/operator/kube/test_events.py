from tests.unit.operator.examples import resource
from tests.unit.operator.kube.fake import FakeKube

from switchboard_operator.kube.events import LONGEST_NOTE, Recorder
from switchboard_operator.kube.resources import EVENT

POOL = {**resource("SignalingPool", "calls"), "metadata": {"name": "calls", "namespace": "web", "uid": "u"}}


async def test_an_event_has_its_object_and_its_reporter() -> None:
    kube = FakeKube()
    await Recorder(kube, "example.org/operator", "operator-1").record(POOL, "Scaling", "From 1 to 2.")
    [event] = kube.of(EVENT)
    assert event["regarding"] == {
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "SignalingPool",
        "name": "calls",
        "namespace": "web",
        "uid": "u",
    }
    assert (event["reportingController"], event["reportingInstance"]) == ("example.org/operator", "operator-1")
    assert (event["type"], event["reason"], event["note"]) == ("Normal", "Scaling", "From 1 to 2.")


async def test_a_long_note_is_cut_between_characters() -> None:
    kube = FakeKube()
    await Recorder(kube, "example.org/operator", "operator-1").record(POOL, "Long", "x" + "ä" * LONGEST_NOTE)
    [event] = kube.of(EVENT)
    assert event["note"] == "x" + "ä" * (LONGEST_NOTE // 2 - 1)
