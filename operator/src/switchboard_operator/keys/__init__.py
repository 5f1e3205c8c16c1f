"""The root key, the secrets that derive from it, and certificates."""
