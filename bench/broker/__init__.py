"""Messages that cross pods through a real store: the broker beside redis-py's `await publish()` for each."""
