"""RedisCluster: Valkey nodes, one StatefulSet per shard, formed into one cluster.

Only `nodes` imports the redis library; `topology` decides what to do next, without I/O.
"""
