"""The time from a match to a connected call, compared with the minimum that a browser needs (`make bench-setup`)."""
