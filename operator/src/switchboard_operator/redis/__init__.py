"""The room of RedisCluster: Valkey nodes, a StatefulSet a shard, formed into one cluster.

`nodes` is the only importer of the redis library; what to do next is decided in `topology`, without I/O.
"""
