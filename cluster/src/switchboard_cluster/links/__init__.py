"""Bad links on purpose: bandwidth, loss, delay and jitter for a node or a client, and namespaces for clients.

It exists because Switchboard promises things about bad networks, and because many kernels have no netem. Conditions are
set on the link between a network namespace and its cluster's bridge; addresses, routes and programs stay as they are.
"""
