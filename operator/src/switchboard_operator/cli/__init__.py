"""The kubectl plugin: shows the state and decisions of the operator, read from the cluster."""
