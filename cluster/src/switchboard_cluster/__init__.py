"""A real multi-node Kubernetes on one Linux machine, from its own components, without a container registry.

It allows you to try and test Switchboard anywhere on a real cluster: etcd, the control plane, containerd, kubelet and
kube-proxy, with one network namespace per node.
"""
