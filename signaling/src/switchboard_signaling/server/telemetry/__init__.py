"""What is recorded of sessions and calls: log lines, metrics, statistics that pods share, and webhooks."""
