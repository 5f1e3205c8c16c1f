"""What an idle connection costs in memory: queued sessions with heartbeats, beside sockets of aiohttp alone."""
