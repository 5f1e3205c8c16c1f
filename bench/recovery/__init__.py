"""The time until a call recovers from a fault of a pod, a network or a relay (`make bench-recovery`)."""
