"""TurnFleet: coturn with its agent, one Deployment per region, with host networking.

Relays need thousands of ports on an address that clients can reach, which a Service cannot provide.
"""
