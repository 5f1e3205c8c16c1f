"""Access: limits per client address, JWTs and their keys, and blocked clients."""
