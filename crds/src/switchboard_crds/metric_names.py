"""Names of the Prometheus metrics, and their reference page."""

from dataclasses import dataclass
from typing import Final, Literal

from switchboard_crds import names

ACTIVE_SESSIONS: Final = "switchboard_signaling_active_sessions"
"""Gauge, sessions: connected to a signaling pod or resumable on it."""

RECONCILE_SECONDS: Final = "switchboard_operator_reconcile_seconds"
"""Histogram, seconds, by kind: duration of one reconciliation of one resource."""

RECONCILE_ERRORS: Final = "switchboard_operator_reconcile_errors_total"
"""Counter, by kind and error: failed reconciliations, which are retried."""

QUEUE_LENGTH: Final = "switchboard_operator_queue_length"
"""Gauge, resources: waiting for a reconciliation."""

API_REQUESTS: Final = "switchboard_operator_api_requests_total"
"""Counter, by verb and status code: requests to the Kubernetes API."""

LEADING: Final = "switchboard_operator_leading"
"""Gauge, 0 or 1: whether this replica holds the Lease."""


@dataclass(frozen=True)
class Metric:
    """A metric as Prometheus sees it; a counter's name ends with `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()


def _calls(name: str, kind: Literal["counter", "histogram"], meaning: str, *labels: str) -> Metric:
    return Metric(f"switchboard_signaling_{name}", kind, meaning, labels)


MATCHES: Final = _calls("matches_total", "counter", "Matches that were opened, counted where side a is")
MATCHES_OVER: Final = _calls("matches_over_total", "counter", "Matches that are over", "outcome", "reason")
CALLS: Final = _calls("calls_total", "counter", "What clients say became of a connection", "verdict", "path")
CALL_FAILURES: Final = _calls(
    "call_failures_total", "counter", "Why connections failed or dropped", "verdict", "reason"
)
CALL_SETUP: Final = _calls("call_setup_seconds", "histogram", "From the open match to the first connection")
CALL_SECONDS: Final = _calls(
    "call_seconds", "histogram", "Length of matches that are over, as far as this pod saw them"
)
CALL_RTT: Final = _calls("call_rtt_seconds", "histogram", "Round trips between the two browsers")
CALL_JITTER: Final = _calls("call_jitter_seconds", "histogram", "Jitter of what a browser received")
CALL_LOSS: Final = _calls("call_loss_ratio", "histogram", "Share of packets lost, 0 to 1", "direction")
CALL_BITRATE: Final = _calls("call_bitrate_bits_per_second", "histogram", "Bits of media a second", "direction")
CALL_SCORE: Final = _calls("call_score", "histogram", "Quality of calls, 0 to 100, at each report of a client")
CALL_FREEZES: Final = _calls("call_freezes_total", "counter", "Freezes of received pictures")
CALL_FROZEN: Final = _calls("call_frozen_seconds_total", "counter", "Seconds of frozen pictures")
WEBHOOKS: Final = _calls("webhooks_total", "counter", "Attempts to deliver an event, by what came of it", "result")
WEBHOOKS_LOST: Final = _calls(
    "webhooks_lost_total", "counter", "Events given up, or dropped for want of room or by a fault", "reason"
)
RECORDS_LOST: Final = _calls(
    "call_records_lost_total", "counter", "Records of calls that the store did not take in time"
)
FAULTS: Final = _calls("faults_total", "counter", "Unexpected exceptions that were contained; each is logged", "work")

SIGNALING: Final = (
    Metric(ACTIVE_SESSIONS, "gauge", "Sessions attached to this pod or resumable on it"),
    Metric("switchboard_signaling_connections", "gauge", "Open WebSockets"),
    Metric("switchboard_signaling_frames_received_total", "counter", "Valid frames of clients", ("type",)),
    Metric("switchboard_signaling_frames_refused_total", "counter", "Frames that are not valid", ("code",)),
    Metric(
        "switchboard_signaling_limited_total",
        "counter",
        "What a limit refused (connects, tokens, candidates, sdp) or slowed down (frames)",
        ("limit",),
    ),
    Metric("switchboard_signaling_authenticated_total", "counter", "JWTs checked, by what came of it", ("result",)),
    Metric("switchboard_signaling_made_up_tokens_total", "counter", "Tokens in our name that are not ours"),
    Metric("switchboard_signaling_sockets_closed_total", "counter", "WebSockets closed", ("code",)),
    Metric(
        "switchboard_signaling_store_troubles_total",
        "counter",
        "What kept the store from answering at once, by the error's first word",
        ("code",),
    ),
    MATCHES, MATCHES_OVER, CALLS, CALL_FAILURES, CALL_SETUP, CALL_SECONDS, CALL_RTT, CALL_JITTER, CALL_LOSS,
    CALL_BITRATE, CALL_SCORE, CALL_FREEZES, CALL_FROZEN, WEBHOOKS, WEBHOOKS_LOST, RECORDS_LOST, FAULTS,
)  # fmt: skip
"""All metrics of a signaling pod."""

OPERATOR: Final = (
    Metric(RECONCILE_SECONDS, "histogram", "Duration of one reconciliation of one resource", ("kind",)),
    Metric(RECONCILE_ERRORS, "counter", "Failed reconciliations, which are retried", ("kind", "error")),
    Metric(QUEUE_LENGTH, "gauge", "Resources waiting for a reconciliation"),
    Metric(API_REQUESTS, "counter", "Requests to the Kubernetes API", ("verb", "code")),
    Metric(LEADING, "gauge", "Whether this replica holds the Lease, 0 or 1"),
)


def page() -> str:
    """Return the reference page, in Markdown."""
    lines = ["# Metrics", "", "<!-- Generated by tools/generate.py: do not edit. -->", ""]
    lines += [
        "Signaling pods and the operator export these in Prometheus' text format, the pods at `/metrics` of the port",
        "`internal`, by TLS: Prometheus needs `scheme: https` and in `tls_config` the `tls.crt` of the Secret",
        f"`NAME-signaling-internal-tls` as `ca_file` and `{names.INTERNAL_TLS_NAME}` as `server_name`.",
        "",
        "Spans are in seconds. What concerns calls is what browsers say of themselves: good for statistics, proof of",
        "nothing.",
    ]
    for title, metrics in (("Signaling pods", SIGNALING), ("Operator", OPERATOR)):
        lines += ["", f"## {title}", "", "| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} |"
            f" {metric.meaning} |"
            for metric in metrics
        ]
    return "\n".join(lines) + "\n"
