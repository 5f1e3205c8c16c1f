"""The memory of an idle connection: queued sessions with heartbeats, compared with plain aiohttp sockets."""
