"""The shell around the protocol: aiohttp sockets and HTTP, the clock, the broker; it performs what sessions return."""
