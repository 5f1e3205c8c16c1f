"""Emulated link conditions: bandwidth, loss, delay and jitter for nodes and clients, and namespaces for clients.

Tests of Switchboard's guarantees on bad networks need them, and many kernels have no netem. Conditions apply to the
link between a network namespace and its cluster's bridge; addresses, routes and programs stay unchanged.
"""
