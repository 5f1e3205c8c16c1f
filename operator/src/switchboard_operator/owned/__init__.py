"""What resources own: the owner of objects, builders that all kinds share, and how objects are applied and removed."""
