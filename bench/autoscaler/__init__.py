"""Side-by-side benchmarks: ours and the peers, one command each."""

"""The autoscaling decision beside Knative's and Kubernetes' own code: one simulator, many traces, one table.

`python -m bench.autoscaler` (or `make bench-autoscaler`) builds the others' controllers, runs everything, and writes
build/bench/autoscaler.json, docs/images/autoscaling.svg, and the table of docs/internals/scaling.md.
"""
