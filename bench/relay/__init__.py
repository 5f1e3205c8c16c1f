"""How many messages a server passes on in a second of its processor, beside relays that people use."""
