"""How soon after its match a call is there, beside the least that a browser needs (`make bench-setup`)."""
