"""Owned objects: their owner, builders that all kinds share, and how objects are applied and deleted."""
