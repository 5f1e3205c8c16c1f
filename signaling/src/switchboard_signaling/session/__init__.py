"""The server's side of the protocol without I/O: what a frame means and what follows from it, as plain data.

Nothing here imports asyncio, aiohttp or a store, so that the shipped decisions run unchanged under the server and in
simulations that choose the time, the losses and the order of events.
"""
