"""Matching: pure, and the reference that the store's scripts must agree with."""
