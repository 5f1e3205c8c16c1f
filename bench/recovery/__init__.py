"""How soon a call is itself again after what carries it has died, moved or changed (`make bench-recovery`)."""
