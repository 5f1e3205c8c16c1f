"""Writes the status of resources: only when it changed, with an event when Ready changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from switchboard_crds import names
from switchboard_crds.model import Resource
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube import Kube
from switchboard_operator.kube.compare import difference
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.resources import Json
from switchboard_operator.status.conditions import Fact, conditions, ready

logger = structlog.get_logger(__name__)


class StatusWriter:
    """Writes the status subresource of the custom kinds."""

    def __init__(self, kube: Kube, recorder: Recorder) -> None:
        self._kube, self._recorder = kube, recorder

    async def write(
        self,
        kind: names.Kind,
        live: Json,
        resource: Resource,
        fields: dict[str, Any],
        facts: Sequence[Fact],
        informational: Sequence[Fact] = (),
    ) -> None:
        """Write the kind's own fields and the conditions of the facts, if they differ from the live status.

        Ready summarizes `facts`, in order of importance; `informational` facts do not affect it. Raises KubeError.
        """
        before = resource.status.conditions
        generation = resource.metadata.generation
        summary = ready(facts)
        status = {
            "observedGeneration": generation,
            **fields,
            "conditions": conditions([summary, *facts, *informational], before, generation, datetime.now(UTC)),
        }
        if (found := difference(live.get("status"), status)) is None:
            return
        logger.debug("status_differs", kind=kind.kind, resource=resource.key, difference=found)
        identity = {"name": resource.metadata.name, "namespace": resource.metadata.namespace}
        wanted = {"apiVersion": names.API_VERSION, "kind": kind.kind, "metadata": identity, "status": status}
        await self._kube.apply(api_of_kind(kind), wanted, "status")
        old = next((condition for condition in before if condition.type == summary.type), None)
        if old is None or (old.status, old.reason) != (summary.status, summary.reason):
            warning = summary.holds is not True and not summary.in_progress
            await self._recorder.record(live, summary.reason, summary.message, warning=warning)
