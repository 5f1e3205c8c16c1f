"""What becomes of calls, in numbers: decided here without I/O, so that every pod and every store counts alike.

`quality` scores what a client reports, `call` sums up one side of a match, `totals` adds up a pool's calls.
"""
