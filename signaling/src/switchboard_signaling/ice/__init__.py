"""The ICE servers and credentials for each client."""
