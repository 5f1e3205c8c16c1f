"""A real multi-node Kubernetes on one Linux machine, from its own components, without a container registry.

It exists so that Switchboard can be tried, tested and proven on the real thing anywhere: etcd, the control plane,
containerd, kubelet and kube-proxy, with a network namespace for each node.
"""
