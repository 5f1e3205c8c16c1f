"""The wire of `switchboard.v1`: frames, fields, intents, errors, tokens, and the vectors that every client passes.

The contract between clients and pools: it imports nothing of ours, so that both sides can stand on it.
"""
