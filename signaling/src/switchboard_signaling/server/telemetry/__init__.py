"""Log lines, metrics, shared statistics and webhooks about sessions and calls."""
