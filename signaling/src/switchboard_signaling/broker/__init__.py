"""What a pool's pods share: records, the queue, and hints between pods, behind one interface.

`memory` serves a single pod; `redis` serves any number of pods through Valkey or Redis, single or cluster.
"""
