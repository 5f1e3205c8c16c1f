"""Clusters for `make up`: the embedded one, a kind cluster, or the one of the current context."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from switchboard_cluster import build, cluster, images
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths
from switchboard_cluster.progress import Progress
from switchboard_cluster.system import run

KIND_CLUSTER = "switchboard"
KIND_NETWORK = "172.16.0.0/12"  # Docker's address ranges, of which kind uses one


class Backend(StrEnum):
    """Type of cluster for a quickstart."""

    EMBEDDED = "embedded"
    KIND = "kind"
    CURRENT = "current"


@dataclass(frozen=True)
class TargetCluster:
    """A running cluster: the commands to use it, and the references of its images."""

    backend: Backend
    kubectl: Sequence[str | Path]
    helm: Sequence[str | Path]
    images: dict[str, str]
    networks: list[str]
    """Private address ranges (CIDR) of browsers and TURN servers."""


def default(system: str = platform.system(), user: int = os.geteuid()) -> Backend:
    """Return `embedded` for root on Linux, else `kind`."""
    return Backend.EMBEDDED if (system, user) == ("Linux", 0) else Backend.KIND


def prepare(backend: Backend, names: Sequence[str], nodes: int, registry: str, progress: Progress) -> TargetCluster:
    """Start the cluster, unless it is the current context's, and load the images `names`. Raises `ClusterError`."""
    paths = Paths.of_checkout()
    match backend:
        case Backend.EMBEDDED:
            return _embedded(paths, names, nodes, progress)
        case Backend.KIND:
            return _kind(paths, names, nodes, progress)
        case Backend.CURRENT:
            return _current(paths, names, registry, progress)


def _embedded(paths: Paths, names: Sequence[str], nodes: int, progress: Progress) -> TargetCluster:
    cluster.up(paths, nodes, progress)
    built = images.ensure(names, binaries=paths.bin, progress=progress)
    images.load(list(built.values()), cluster.targets(paths, cluster.alive_nodes(cluster.need(paths))))
    progress.say("images loaded")
    config = f"--kubeconfig={paths.kubeconfig}"
    references = {name: one.reference for name, one in built.items()}
    network = cluster.need(paths).slot.cidr
    kubectl: list[str | Path] = [paths.bin / "kubectl", config]
    helm: list[str | Path] = [paths.bin / "helm", config]
    return TargetCluster(Backend.EMBEDDED, kubectl, helm, references, [network])


def _kind(paths: Paths, names: Sequence[str], nodes: int, progress: Progress) -> TargetCluster:
    kubectl, helm = _tool("kubectl"), _tool("helm")
    kind = _tool("kind")
    kubeconfig = paths.root.parent / "kind" / "kubeconfig"
    if KIND_CLUSTER not in run([kind, "get", "clusters"]).stdout.split():
        progress.say("creating the kind cluster")
        run(
            [kind, "create", "cluster", "--name", KIND_CLUSTER, "--kubeconfig", kubeconfig, "--config", "-"],
            stdin=kind_config(nodes),
            timeout=600,
        )
    built = _built(paths, names, progress)
    for one in built.values():
        run([kind, "load", "image-archive", one.archive, "--name", KIND_CLUSTER], timeout=300)
    config = f"--kubeconfig={kubeconfig}"
    references = {name: one.reference for name, one in built.items()}
    return TargetCluster(Backend.KIND, [kubectl, config], [helm, config], references, [KIND_NETWORK])


def kind_config(nodes: int) -> str:
    """Return the configuration of a kind cluster: a control plane and `nodes` workers."""
    workers = "- role: worker\n" * nodes
    return f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n{workers}"


def _current(paths: Paths, names: Sequence[str], registry: str, progress: Progress) -> TargetCluster:
    kubectl, helm = _tool("kubectl"), _tool("helm")
    if not registry:
        raise ClusterError(
            "no-registry",
            "the cluster of the current context pulls images from a registry, and none is given",
            "`switchboard-cluster push-images REGISTRY`, then `make up CLUSTER=current REGISTRY=REGISTRY`",
        )
    built = _built(paths, names, progress)
    references = {name: pushed(registry, one) for name, one in built.items()}
    return TargetCluster(Backend.CURRENT, [kubectl], [helm], references, [])


def pushed(registry: str, image: images.Built) -> str:
    """Return the reference of an image in a registry."""
    return f"{registry.rstrip('/')}/{image.reference.removeprefix('docker.io/')}"


def push(paths: Paths, registry: str, names: Sequence[str], progress: Progress) -> list[str]:
    """Push images to a registry, and return their references there."""
    references = []
    for image in _built(paths, names, progress).values():
        reference = pushed(registry, image)
        run(["buildah", "push", f"oci-archive:{image.archive}", f"docker://{reference}"], timeout=600)
        references.append(reference)
    return references


def _built(paths: Paths, names: Sequence[str], progress: Progress) -> dict[str, images.Built]:
    build.ensure(paths, progress)
    return images.ensure(names, binaries=paths.bin, progress=progress)


def _tool(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise ClusterError("missing-program", f"{name} is not installed", f"install {name}, or use CLUSTER=embedded")
