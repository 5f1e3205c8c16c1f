"""A client of Valkey and Redis clusters: one pipelined connection per node, redirections, failovers and bounds on time.

A library: README.md says what it bounds and how to use it.
"""
