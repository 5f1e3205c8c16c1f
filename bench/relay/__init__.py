"""Messages relayed per second of a server's CPU time, compared with widely used relays."""
