"""Compare the autoscaler with the unmodified controllers of Kubernetes (HPA) and Knative (KPA) in one simulator.

`make bench-autoscaler` builds those controllers, runs all traces, and writes build/bench/autoscaler.json,
docs/images/autoscaling.svg, and the table of docs/internals/scaling.md.
"""
