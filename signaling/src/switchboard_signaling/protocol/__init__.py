"""The protocol without I/O: what a frame means and what follows from it, as plain data.

Nothing here imports asyncio, aiohttp or redis, so that the shipped decisions run unchanged under the server, in the
Python client and in tests that choose the time, the losses and the order of events.
"""
