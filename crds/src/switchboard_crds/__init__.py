"""The contract between Switchboard's parts and with its users: the Kubernetes kinds, their names and the metric names.

Everything else of ours imports this package; it imports nothing of ours. The CustomResourceDefinitions and the
reference pages are generated from the models here, so that schema, documentation and code cannot disagree.
"""
