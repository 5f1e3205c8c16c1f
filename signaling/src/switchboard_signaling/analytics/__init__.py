"""Statistics of calls, computed without I/O, so that every pod and every store counts alike.

`quality` scores a client's report, `call` summarizes one side of a match, `totals` sums up a pool's calls.
"""
