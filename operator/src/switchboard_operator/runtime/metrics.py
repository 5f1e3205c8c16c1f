"""The operator's own Prometheus metrics."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from switchboard_crds import metric_names

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series per counter, which is not used


def _described(metric: metric_names.Metric) -> tuple[str, str, tuple[str, ...]]:
    return metric.name, metric.meaning, metric.labels


reconcile_seconds: Final = Histogram(*_described(metric_names.RECONCILE_SECONDS))
reconcile_errors: Final = Counter(*_described(metric_names.RECONCILE_ERRORS))
queue_length: Final = Gauge(*_described(metric_names.QUEUE_LENGTH))
api_requests: Final = Counter(*_described(metric_names.API_REQUESTS))


def count_request(verb: str, code: str) -> None:
    """Count a request to the Kubernetes API."""
    api_requests.labels(verb, code).inc()


leading: Final = Gauge(*_described(metric_names.LEADING))
