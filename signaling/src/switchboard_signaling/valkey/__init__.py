"""A client of Valkey and Redis clusters: one pipelined connection per node, redirections, failovers and bounds on time.

A library: it knows nothing of sessions, matches or queues.
"""
