"""What a pool's pods share: records, the waiting line, and hints between pods, behind one interface.

`memory` serves one pod alone; `redis` serves any number through Valkey or Redis, single or cluster.
"""
