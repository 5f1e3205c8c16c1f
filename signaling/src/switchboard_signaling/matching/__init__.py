"""Who is matched with whom: pure, the reference that the store's script must agree with."""
