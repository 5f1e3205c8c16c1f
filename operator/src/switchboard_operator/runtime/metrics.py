"""The operator's own Prometheus metrics."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from switchboard_crds import metric_names

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series per counter, which is not used

reconcile_seconds: Final = Histogram(
    metric_names.RECONCILE_SECONDS, "Duration of one reconciliation of one resource.", ["kind"]
)
reconcile_errors: Final = Counter(
    metric_names.RECONCILE_ERRORS, "Failed reconciliations, which are retried.", ["kind", "error"]
)
queue_length: Final = Gauge(metric_names.QUEUE_LENGTH, "Resources waiting for a reconciliation.")
api_requests: Final = Counter(metric_names.API_REQUESTS, "Requests to the Kubernetes API.", ["verb", "code"])


def count_request(verb: str, code: str) -> None:
    """Count a request to the Kubernetes API."""
    api_requests.labels(verb, code).inc()


leading: Final = Gauge(metric_names.LEADING, "Whether this replica holds the Lease.")
