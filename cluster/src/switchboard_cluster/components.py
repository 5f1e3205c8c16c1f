"""Command lines of the control plane and the nodes. Pure.

Comments give the reasons for flags that are not obvious.
"""

from __future__ import annotations

from pathlib import Path

from switchboard_cluster.layout import API_PORT, Node, Paths, Slot
from switchboard_cluster.pki import Subject
from switchboard_cluster.processes import Unit

ETCD_PORT = 2379
ETCD_URL = f"http://127.0.0.1:{ETCD_PORT}"  # in the control plane's network namespace
ETCD_PEER_URL = "http://127.0.0.1:2380"
NODE_MONITOR_GRACE = "20s"
# With the default limit of 20 requests/s, half of the controller manager's start would be waiting: each controller
# fetches its own token.
API_LIMITS = ("--kube-api-qps=500", "--kube-api-burst=1000")
IMAGE_USER = 10001
"""User and group of Switchboard's images."""
# The host-path provisioner creates volumes for its own user only (mode 0750) and ignores fsGroup. So it runs as the
# user of the images, and keeps root's access to all files.
_AS_IMAGE_USER = (
    "setpriv",
    f"--reuid={IMAGE_USER}",
    f"--regid={IMAGE_USER}",
    "--clear-groups",
    "--inh-caps=+dac_override,+fowner",
    "--ambient-caps=+dac_override,+fowner",
)
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

PRIVATE_PLACES = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
"""Folders that containerd, CNI and kubelet use regardless of their configuration; each node has its own."""
VOLUMES_PLACE = "/tmp/hostpath_pv"  # noqa: S108 - the fixed path of the host-path provisioner's volumes


def identities(slot: Slot, nodes: list[Node]) -> list[Subject]:
    """Return the subjects of all certificates of the cluster."""
    api_hosts = (
        "127.0.0.1",
        slot.control_plane_address,
        slot.api_service_address,
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    )
    return [
        Subject("apiserver", "kube-apiserver", hosts=api_hosts),
        Subject("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Subject("admin", "switchboard-admin", "system:masters"),
        Subject("kube-controller-manager", "system:kube-controller-manager"),
        Subject("kube-scheduler", "system:kube-scheduler"),
        Subject("kube-proxy", "system:kube-proxy"),
        *(
            Subject(f"kubelet-{node.name}", f"system:node:{node.name}", "system:nodes", (node.name, node.address))
            for node in nodes
        ),
    ]


def kubeconfigs(nodes: list[Node]) -> list[str]:
    """Return the names of the subjects that need a kubeconfig in the data folder."""
    return ["kube-controller-manager", "kube-scheduler", "kube-proxy", *(f"kubelet-{node.name}" for node in nodes)]


def holder(name: str, netns: str, volumes: Path) -> Unit:
    """Return the unit that holds a mount namespace and a network namespace for other units.

    All mounts of a node are in the mount namespace and end with it, as do the contents of `PRIVATE_PLACES`. All nodes
    share the host-path provisioner's volumes in `VOLUMES_PLACE`.
    """
    script = """
set -eu
mount --make-rshared /
volumes=$1 volumes_place=$2
shift 2
mkdir -p "$volumes" "$volumes_place" "$@"
mount --bind "$volumes" "$volumes_place"
for place; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
exec sleep infinity
"""
    unshare: list[str | Path] = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    arguments: list[str | Path] = [volumes, VOLUMES_PLACE, *PRIVATE_PLACES]
    return Unit(name, ["nsenter", f"--net=/run/netns/{netns}", *unshare, *arguments])


def control_plane(slot: Slot, paths: Paths) -> list[Unit]:
    """Return the units of the control plane, its holder first."""
    pki, data = paths.pki, paths.data

    def unit(name: str, *flags: str, before: tuple[str, ...] = ()) -> Unit:
        return Unit(name, [*before, paths.bin / name, *flags], inside=slot.control_plane_holder)

    return [
        holder(slot.control_plane_holder, slot.control_plane_netns, data / "volumes"),
        unit(
            "etcd",
            f"--data-dir={data}/etcd",
            f"--listen-client-urls={ETCD_URL}",
            f"--advertise-client-urls={ETCD_URL}",
            f"--listen-peer-urls={ETCD_PEER_URL}",
            f"--initial-advertise-peer-urls={ETCD_PEER_URL}",
            f"--initial-cluster=default={ETCD_PEER_URL}",
            "--unsafe-no-fsync",  # the data is deleted with the cluster
            "--log-level=warn",
        ),
        unit(
            "kube-apiserver",
            f"--etcd-servers={ETCD_URL}",
            f"--advertise-address={slot.control_plane_address}",
            f"--secure-port={API_PORT}",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--service-account-key-file={pki}/service-accounts.pub",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={slot.service_cidr}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={data}/audit-policy.yaml",
            f"--audit-log-path={paths.logs}/audit.log",
            "--audit-log-maxsize=200",
            "--audit-log-maxbackup=2",
            # Kubernetes' default is 300 s; here, the pods of a dead node should move soon.
            "--default-not-ready-toleration-seconds=10",
            "--default-unreachable-toleration-seconds=10",
        ),
        unit(
            "kube-controller-manager",
            f"--kubeconfig={data}/kube-controller-manager.kubeconfig",
            f"--service-account-private-key-file={pki}/service-accounts.key",
            f"--root-ca-file={pki}/ca.crt",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--node-monitor-grace-period={NODE_MONITOR_GRACE}",
            "--enable-hostpath-provisioner=true",
            "--pvclaimbinder-sync-period=2s",  # a claim whose first binding conflicted waits that long
            *API_LIMITS,
            before=_AS_IMAGE_USER,
        ),
        unit(
            "kube-scheduler",
            f"--kubeconfig={data}/kube-scheduler.kubeconfig",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            *API_LIMITS,
        ),
    ]


def node_units(node: Node, paths: Paths) -> list[Unit]:
    """Return the units of a node, its holder first."""
    folder = paths.node(node)
    containerd, kubelet, proxy = node.units[1:]
    labels = f"topology.kubernetes.io/region={node.region},topology.kubernetes.io/zone={node.region}a"
    return [
        holder(node.holder, node.netns, paths.data / "volumes"),
        Unit(
            containerd,
            [paths.bin / "containerd", "--config", folder / "containerd.toml"],
            inside=node.holder,
            env={"PATH": f"{paths.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        ),
        Unit(
            kubelet,
            [
                paths.bin / "kubelet",
                f"--config={folder}/kubelet.yaml",
                f"--kubeconfig={paths.data}/kubelet-{node.name}.kubeconfig",
                f"--root-dir={folder}/kubelet",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
                f"--node-labels={labels}",
            ],
            inside=node.holder,
        ),
        Unit(proxy, [paths.bin / "kube-proxy", f"--config={folder}/kube-proxy.yaml"], inside=node.holder),
    ]
