"""Benchmarks: the cost of a message, a connection, a match, a call and a pod, compared with other implementations.

They are not tests: they need an otherwise idle machine and run by hand (`make help` lists the `bench-` targets).
"""
