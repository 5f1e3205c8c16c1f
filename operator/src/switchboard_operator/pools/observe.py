"""Observes a pool: reads the informers' objects and the pods' samples, and changes nothing."""

from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import ENDPOINT_SLICE, POD, REPLICA_SET, Json
from switchboard_operator.owned.owner import Owner, OwnerKey
from switchboard_operator.pools import snapshot
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.samples import SampleHistory
from switchboard_operator.pools.snapshot import Observed, PodSnapshot


def observe(
    store: ObjectStore[OwnerKey], nodes: Nodes, history: SampleHistory, owner: Owner, current: str, now: float
) -> Observed:
    """Return the observed pool.

    `current` is the name of the current revision's ReplicaSet, `now` the monotonic clock in seconds.
    """
    offered = snapshot.offered(store.made_for(owner.key, ENDPOINT_SLICE))

    def describe(pod: Json) -> PodSnapshot:
        sample = history.sample(pod["metadata"]["uid"], now)
        return snapshot.read_pod(pod, offered, nodes.zones, nodes.unschedulable, sample)

    replica_sets = [item for item in store.made_for(owner.key, REPLICA_SET) if owner.controls(item)]
    revisions = snapshot.read_revisions(replica_sets, store.made_for(owner.key, POD), describe)
    failure = snapshot.failure(store.get(REPLICA_SET, owner.namespace, current))
    return Observed(current, revisions, history.load, failure)
