"""Autoscaling: the desired number of pods and its reason, from the sessions of the pods. Pure.

HPA, KEDA and KPA cannot choose which pod to remove, treat missing metrics as missing users, and cut connections; see
docs/explanation/scaling.md. The modules in the order of a decision: `demand` counts sessions, `forecast` looks ahead by
the start time of a pod, `schedule` reads the schedules, `limits` bounds the change, `explain` puts it into words, and
`decide` combines them. The package imports neither kopf nor the models, so that the command `decide` (`lines`) starts
without them.
"""
