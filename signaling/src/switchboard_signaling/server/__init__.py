"""The shell around the protocol: aiohttp sockets and HTTP, the clock and the broker perform the sessions' effects."""
