"""How fast the waiting line makes matches in a real store, while many wait who are hard to match."""
