"""The server's side of the protocol without I/O: what a frame means and what follows from it, as plain data.

Nothing here imports asyncio, aiohttp or a store, so the same code runs under the server and in simulations that choose
time, losses and the order of events.
"""
