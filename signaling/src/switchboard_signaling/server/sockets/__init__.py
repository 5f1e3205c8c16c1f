"""WebSockets: connections, the hub that finds them, how frames are read and written, and how a pod drains."""
