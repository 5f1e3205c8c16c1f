"""The agent beside coturn.

It exists because coturn knows neither Kubernetes nor rotation: the agent writes the shared secrets into the database
that coturn reads live, and says that the server is ready only while an authenticated allocation on it succeeds.
"""
