"""The `switchboard.v1` wire protocol: frames, fields, intents, errors, tokens and the shared test vectors.

This package is the contract between clients and pools. It imports no other package of this project, so both sides can
depend on it.
"""
