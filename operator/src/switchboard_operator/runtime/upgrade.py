"""Upgrades the CustomResourceDefinitions, because Helm installs the CRDs of a chart but never upgrades them."""

import structlog

from switchboard_crds import names
from switchboard_crds.manifests import all_crds
from switchboard_operator.kube import Kube
from switchboard_operator.kube.resources import CRD
from switchboard_operator.runtime import metrics

logger = structlog.get_logger(__name__)


async def apply_crds() -> None:
    """Apply all CustomResourceDefinitions. Raises KubeError."""
    kube = await Kube.load(names.FIELD_MANAGER, metrics.count_request)
    try:
        for manifest in all_crds():
            await kube.apply(CRD, manifest)
            logger.info("crd_applied", name=manifest["metadata"]["name"])
    finally:
        await kube.close()
