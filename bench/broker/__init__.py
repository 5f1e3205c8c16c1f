"""Messages between pods through a real store: the broker compared with one awaited publish() of redis-py each."""
