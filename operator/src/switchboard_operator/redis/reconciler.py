"""Reconciles a Redis cluster: the side effects around the pure modules of this package."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from switchboard_crds import names
from switchboard_crds.redis_cluster import ClusterCondition, RedisCluster
from switchboard_operator import images
from switchboard_operator.context import Context
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube.resources import (
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    POD,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    Json,
)
from switchboard_operator.owned.apply import Children
from switchboard_operator.redis import objects, status, topology
from switchboard_operator.redis.nodes import NodeError, RedisCredentials, execute, observe
from switchboard_operator.status.conditions import Fact

logger = structlog.get_logger(__name__)

FORMING_SECONDS: Final = 1.0
"""Interval between observations of the nodes while the cluster forms, about as long as gossip takes."""
FORMED_SECONDS: Final = 10.0
"""Interval between observations of a formed cluster, whose topology no watch reports."""
OWNED: Final = (SERVICE_ACCOUNT, SECRET, SERVICE, DISRUPTION_BUDGET, NETWORK_POLICY, STATEFUL_SET)


class ClusterReconciler:
    """Reconciles RedisClusters."""

    def __init__(self, context: Context, default_image: str, operator_namespace: str) -> None:
        self._context = context
        self._children = Children(context.kube, context.store)
        self._default_image = default_image
        self._operator_namespace = operator_namespace

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Observe the cluster, apply objects that differ, form it, and write its status if it changed.

        Return the seconds after which to reconcile again, or None to wait for a watch. Raises KubeError.
        """
        live = await self._context.kube.get(api_of_kind(names.REDIS_CLUSTER), namespace, name)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return None  # the garbage collector deletes the cluster's objects
        cluster = await self._context.writer.read(names.REDIS_CLUSTER, RedisCluster, live)
        if cluster is None:
            return None
        image = images.choose(cluster.spec.image, cluster.status, self._default_image)
        applied = await self._children.attempt(self._apply(cluster, image.used), ClusterCondition.OBJECTS_APPLIED)
        pods = self._context.store.made_for(objects.owner_of(cluster).key, POD)
        plan, formed = await self._form(cluster, pods)
        facts = [applied.fact, status.nodes_ready(cluster, pods), formed]
        fields = status.fields(cluster, image, pods)
        await self._context.writer.write(names.REDIS_CLUSTER, live, cluster, fields, facts)
        return FORMED_SECONDS if plan.formed else FORMING_SECONDS

    async def _apply(self, cluster: RedisCluster, image: str) -> None:
        owner = objects.owner_of(cluster)
        common = objects.common(cluster, self._context.keys, self._operator_namespace)
        wanted = [*common, *objects.stateful_sets(cluster, image)]
        await self._children.ensure(owner, wanted)
        await self._children.prune(owner, OWNED, wanted)

    async def _form(self, cluster: RedisCluster, pods: Sequence[Json]) -> tuple[topology.TopologyPlan, Fact]:
        """Observe the nodes and send the commands that are due; return the plan and the condition ClusterFormed."""
        password = self._context.keys.redis_password(objects.OPERATOR_USER, cluster.metadata.uid)
        credentials = RedisCredentials(objects.OPERATOR_USER, password)
        places = {place.pod: place for place in status.places(pods)}
        answers = await asyncio.gather(
            *(observe(place, credentials) for place in places.values()), return_exceptions=True
        )
        nodes = [answer for answer in answers if isinstance(answer, topology.RedisNode)]
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NodeError):
                raise answer
        plan = topology.plan(nodes, cluster.spec.shards, objects.pod_names(cluster))
        failures = []
        for command in (*plan.commands, *plan.improvements):
            logger.info("cluster_command_issued", cluster=cluster.key, command=repr(command))
            try:
                await execute(places[command.pod], credentials, command)
            except NodeError as error:
                failures.append(str(error))
        return plan, status.formed(plan, failures, topology.unserved(nodes))
