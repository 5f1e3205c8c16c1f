"""Emulation of link conditions (bandwidth, loss, delay, jitter) for nodes and clients, and client namespaces.

Many kernels lack netem. Conditions apply to the link between a network namespace and its cluster's bridge; addresses,
routes and programs stay the same.
"""
