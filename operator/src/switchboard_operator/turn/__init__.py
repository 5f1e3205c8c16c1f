"""The room of TurnFleet: coturn with its agent, a Deployment a region, on the nodes' own network.

Relays need thousands of ports at an address that clients reach, which Services do not offer; hence host networking.
"""
