"""How many pods a pool should have: from what its pods say to a number and the reasons for it. Pure.

HPA, KEDA and KPA cannot choose which pod goes, take an outage of metrics for an outage of users, and cut connections;
docs/internals/scaling.md says more. A decision is made in this order: `demand` counts sessions, `forecast` looks
as far ahead as a pod takes to start, `schedule` knows what was announced, `limits` bounds the change, `explain` says it
in words, and `decide` puts them together. It imports neither the framework nor the models, so that the same decisions
run as a command (`lines`).
"""
