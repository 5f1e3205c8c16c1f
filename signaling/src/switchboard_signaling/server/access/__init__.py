"""Who may connect: limits by address, JWTs and their keys, and blocked subjects."""
