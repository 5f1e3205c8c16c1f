"""Recorder of Kubernetes events."""

import uuid
from datetime import UTC, datetime
from typing import Final

import structlog

from switchboard_operator.kube.client import Kube, KubeError
from switchboard_operator.kube.resources import EVENT, Json

logger = structlog.get_logger(__name__)

LONGEST_NOTE: Final = 1024
"""Maximum length of a note in bytes (events.k8s.io/v1)."""


class Recorder:
    """Writes events about resources, reported by a controller and its instance.

    A failed write is logged and not retried.
    """

    def __init__(self, kube: Kube, controller: str, instance: str) -> None:
        self._kube, self._controller, self._instance = kube, controller, instance

    async def record(self, regarding: Json, reason: str, note: str, *, warning: bool = False) -> None:
        """Write one event."""
        metadata = regarding["metadata"]
        event: Json = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}",
                "namespace": metadata["namespace"],
            },
            "regarding": {
                "apiVersion": regarding["apiVersion"],
                "kind": regarding["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "reason": reason,
            "note": note.encode()[:LONGEST_NOTE].decode(errors="ignore"),
            "type": "Warning" if warning else "Normal",
            "action": "Reconcile",
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        try:
            await self._kube.request("POST", EVENT.path(metadata["namespace"]), None, event)
        except KubeError as error:
            logger.warning("event_not_written", reason=reason, error=str(error))
