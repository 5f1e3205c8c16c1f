"""Dependencies that all reconcilers share."""

from dataclasses import dataclass

from switchboard_operator.keys.derived import Keys
from switchboard_operator.kube import Kube
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.owned.references import References
from switchboard_operator.status.writer import StatusWriter


@dataclass(frozen=True)
class Context:
    """The leader's API client, informer cache, keys, status writer and event recorder."""

    kube: Kube
    store: ObjectStore[OwnerKey]
    keys: Keys
    writer: StatusWriter
    recorder: Recorder
    references: References
