"""The agent beside coturn.

coturn knows neither Kubernetes nor the rotation of secrets. The agent writes the shared secrets into the database that
coturn reads at each allocation, and reports the server as ready only while an authenticated allocation on it succeeds.
"""
