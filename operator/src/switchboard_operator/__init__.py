"""The operator: makes signaling pods, TURN servers and Redis clusters from Switchboard's kinds.

Events come in through `kopf_app` and `kube.informer` as keys, wait in the queue of `reconcile`, and are worked off by
the reconciler of their kind: observe, plan (pure), apply what differs, write the status if it changed.
"""
