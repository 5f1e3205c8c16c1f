"""The rate and latency of matches in a real store whose queue is long and partly hard to match."""
