"""Reads resources, and writes their status: only when it changed, with an event when Ready changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError

from switchboard_crds import names
from switchboard_crds.model import Condition, Resource
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube import Kube
from switchboard_operator.kube.compare import difference
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.resources import Json
from switchboard_operator.status.conditions import Fact, conditions, ready, unreadable

logger = structlog.get_logger(__name__)

R = TypeVar("R", bound=Resource)


class StatusWriter:
    """Writes the status subresource of the custom kinds."""

    def __init__(self, kube: Kube, recorder: Recorder) -> None:
        self._kube, self._recorder = kube, recorder

    async def read(self, kind: names.Kind, model: type[R], live: Json) -> R | None:
        """Return the resource, or None after reporting in its status that this operator cannot read it.

        All other fields of the status stay, because the resource's objects do. Raises KubeError.
        """
        try:
            return model.model_validate(live)
        except ValidationError as error:
            metadata, status = live["metadata"], live.get("status") or {}
            logger.error(  # noqa: TRY400 (not a bug)
                "resource_unreadable",
                kind=kind.kind,
                namespace=metadata["namespace"],
                name=metadata["name"],
                error=str(error),
            )
            fact, generation = unreadable(error), metadata["generation"]
            before = [Condition.model_validate(item) for item in status.get("conditions") or []]
            changed = conditions([fact], before, generation, datetime.now(UTC))
            kept = [item for item in status.get("conditions") or [] if item["type"] != fact.type]
            wanted = {**status, "observedGeneration": generation, "conditions": [*changed, *kept]}
            await self._write(kind, live, before, wanted, fact)
            return None

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
        await self._write(kind, live, before, status, summary)

    async def _write(
        self, kind: names.Kind, live: Json, before: Sequence[Condition], status: Json, summary: Fact
    ) -> None:
        """Write a status that differs from the live one, and record an event if Ready has changed."""
        if (found := difference(live.get("status"), status)) is None:
            return
        identity = {key: live["metadata"][key] for key in ("name", "namespace")}
        logger.debug("status_differs", kind=kind.kind, **identity, difference=found)
        wanted = {"apiVersion": names.API_VERSION, "kind": kind.kind, "metadata": identity, "status": status}
        await self._kube.apply(api_of_kind(kind), wanted, "status")
        old = next((condition for condition in before if condition.type == summary.type), None)
        if old is None or (old.status, old.reason) != (summary.status, summary.reason):
            warning = summary.holds is not True and not summary.in_progress
            await self._recorder.record(live, summary.reason, summary.message, warning=warning)
