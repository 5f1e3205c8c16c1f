"""Configuration files of containerd, CNI, kubelet and kube-proxy. Pure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from switchboard_cluster.layout import Node, Paths

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    # Writes without bodies: enough to count the writes of an operator at rest.
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "Metadata"},
    ],
}


def files(node: Node, paths: Paths, pause_image: str) -> dict[Path, str]:
    """Return the paths and contents of a node's configuration files; `pause_image` is the sandbox image."""
    folder = paths.node(node)
    return {
        folder / "cni" / "10-switchboard.conflist": json.dumps(cni(node, paths), indent=1),
        folder / "containerd.toml": containerd(node, paths, pause_image),
        folder / "kubelet.yaml": json.dumps(kubelet(node, paths), indent=1),
        folder / "kube-proxy.yaml": json.dumps(kube_proxy(node, paths), indent=1),
    }


def cni(node: Node, paths: Paths) -> dict[str, Any]:
    """Return the CNI configuration: a point-to-point link per pod, addresses from the node's range, host ports."""
    ipam = {
        "type": "host-local",
        "dataDir": str(paths.node(node) / "ipam"),  # on disk, like the sandboxes that use the addresses
        "ranges": [[{"subnet": node.pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "1.0.0",
        "name": f"switchboard-{node.slot.number}",
        "plugins": [
            {"type": "ptp", "mtu": 1500, "ipMasq": False, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def containerd(node: Node, paths: Paths, pause_image: str) -> str:
    """Return containerd's configuration (version 3), with all files below the node's folders."""
    cri = 'plugins."io.containerd.cri.v1.runtime"'
    return f"""\
version = 3
root = "{paths.node(node)}/containerd"
state = "{node.run_dir}/containerd"
disabled_plugins = ["io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]

[grpc]
  address = "{node.containerd_socket}"
[ttrpc]
  address = "{node.containerd_socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{paths.node(node)}/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause_image}"
[{cri}]
  # Without CAP_SYS_RESOURCE a sandbox cannot lower its OOM score, and fails with "can't get final child's PID".
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[{cri}.cni]
  bin_dirs = ["{paths.bin}"]
  conf_dir = "{paths.node(node)}/cni"
[{cri}.containerd]
  default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [{cri}.containerd.runtimes.runc.options]
    SystemdCgroup = false
    Root = "{node.run_dir}/runc"
"""


def kubelet(node: Node, paths: Paths) -> dict[str, Any]:
    """Return the kubelet's configuration, with its own cgroups, certificates and folders, and short intervals."""
    folder, pki = paths.node(node), paths.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "authentication": {
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet-{node.name}.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-{node.name}.key",
        "containerRuntimeEndpoint": f"unix://{node.containerd_socket}",
        "clusterDNS": [node.slot.dns_address],
        "clusterDomain": "cluster.local",
        "resolvConf": "/etc/resolv.conf",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.slot.cgroup}/{node.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "4s",
        # The default (60 s) delays Secrets and ConfigMaps in pods; a small cluster can afford to sync more often.
        "syncFrequency": "10s",
        "podLogsDir": f"{folder}/pod-logs",
        "volumePluginDir": f"{folder}/volume-plugins",
        "healthzBindAddress": "127.0.0.1",
        "maxPods": 110,
        "shutdownGracePeriod": "0s",
    }


def kube_proxy(node: Node, paths: Paths) -> dict[str, Any]:
    """Return kube-proxy's configuration, which does not change the machine's conntrack limits."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": f"{paths.data}/kube-proxy.kubeconfig"},
        "hostnameOverride": node.name,
        "clusterCIDR": node.slot.cidr,
        "conntrack": {"maxPerCore": 0, "min": 0},
        "bindAddress": node.address,
        "metricsBindAddress": f"{node.address}:10249",
        "healthzBindAddress": f"{node.address}:10256",
        "iptables": {"minSyncPeriod": "100ms", "syncPeriod": "10s"},
    }
