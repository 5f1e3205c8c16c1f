"""A real multi-node Kubernetes cluster on one Linux machine, without a container registry.

It runs etcd, the control plane, containerd, kubelet and kube-proxy, with one network namespace per node, so that
Switchboard can be tried and tested on real Kubernetes anywhere.
"""
