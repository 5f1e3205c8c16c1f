"""The kubectl plugin: what the operator knows and decides, for people and scripts, read from the cluster only."""
