"""A client for Valkey and Redis clusters: one pipelined connection per node, redirections, failovers, bounded calls.

A library; README.md describes its use and its bounds.
"""
