"""Which ICE servers a client gets, with which credentials."""
