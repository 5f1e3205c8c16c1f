"""What a reconciler works with, on an API server in memory."""

from tests.unit.operator.examples import KEYS
from tests.unit.operator.kube.fake import FakeKube

from switchboard_operator.context import Context
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.owned.owner import owner_key
from switchboard_operator.owned.references import References
from switchboard_operator.status.writer import StatusWriter


def context(kube: FakeKube) -> Context:
    """Return the means of a leader whose informers have seen nothing yet; FakeKube.show fills its store."""
    recorder = Recorder(kube, "switchboard.dev/operator", "operator-1")
    return Context(kube, ObjectStore(owner_key), KEYS, StatusWriter(kube, recorder), recorder, References())
