"""Prometheus metric names that one part of Switchboard exports and another one, an alert or a dashboard reads."""

from typing import Final

ACTIVE_SESSIONS: Final = "switchboard_signaling_active_sessions"
"""Gauge, sessions: attached to a signaling pod or resumable on it."""

RECONCILE_SECONDS: Final = "switchboard_operator_reconcile_seconds"
"""Histogram, seconds, by kind: one reconciliation of one resource."""

RECONCILE_ERRORS: Final = "switchboard_operator_reconcile_errors_total"
"""Counter, by kind and error: reconciliations that failed and are tried again."""

QUEUE_LENGTH: Final = "switchboard_operator_queue_length"
"""Gauge, keys: resources that wait for a reconciliation."""

API_REQUESTS: Final = "switchboard_operator_api_requests_total"
"""Counter, by verb and status code: requests to the Kubernetes API."""

LEADING: Final = "switchboard_operator_leading"
"""Gauge, 0 or 1: whether this replica holds the Lease."""
