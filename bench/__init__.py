"""Benchmarks: what the server costs a message and a connection, beside others that do the same work.

They need a machine that does nothing else, and are no tests: `make bench-relay`, `make bench-memory`.
"""
