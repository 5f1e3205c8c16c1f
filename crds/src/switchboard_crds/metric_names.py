"""Prometheus metrics of signaling pods and of the operator: names, labels and meanings."""

from dataclasses import dataclass
from typing import Final, Literal

from switchboard_crds import names


@dataclass(frozen=True)
class Metric:
    """A metric as Prometheus sees it; the name of a counter ends with `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()


def _signaling(name: str, kind: Literal["counter", "gauge", "histogram"], meaning: str, *labels: str) -> Metric:
    return Metric(f"switchboard_signaling_{name}", kind, meaning, labels)


def _operator(name: str, kind: Literal["counter", "gauge", "histogram"], meaning: str, *labels: str) -> Metric:
    return Metric(f"switchboard_operator_{name}", kind, meaning, labels)


SIGNALING: Final = (
    ACTIVE_SESSIONS := _signaling(
        "active_sessions", "gauge", "Sessions that are attached to this pod or can be resumed on it"
    ),
    CONNECTIONS := _signaling("connections", "gauge", "Open WebSockets"),
    FRAMES_RECEIVED := _signaling("frames_received_total", "counter", "Valid frames from clients", "type"),
    FRAMES_REFUSED := _signaling("frames_refused_total", "counter", "Invalid frames from clients", "code"),
    LIMITED := _signaling(
        "limited_total",
        "counter",
        "Connects and frames that a limit refused (connects, tokens, candidates, sdp) or delayed (frames)",
        "limit",
    ),
    AUTHENTICATED := _signaling(
        "authenticated_total", "counter", "Verified JWTs by result: ok, or the error code", "result"
    ),
    FORGED_TOKENS := _signaling(
        "forged_tokens_total", "counter", "Tokens that name a key of the pool and have an invalid signature"
    ),
    SOCKETS_CLOSED := _signaling(
        "sockets_closed_total",
        "counter",
        "Closed WebSockets by close code; broken: without a code, other: with a code that is not ours",
        "code",
    ),
    STORE_ERRORS := _signaling(
        "store_errors_total", "counter", "Failed or delayed calls to the store, by the first word of the error", "code"
    ),
    MATCHES := _signaling("matches_total", "counter", "Opened matches, counted on the pod of side a"),
    MATCHES_ENDED := _signaling(
        "matches_ended_total", "counter", "Matches that ended or were aborted", "outcome", "reason"
    ),
    CALLS := _signaling(
        "calls_total", "counter", "Media connections by their outcome, as reported by clients", "verdict", "path"
    ),
    CALL_FAILURES := _signaling(
        "call_failures_total", "counter", "Failed and dropped media connections by reason", "verdict", "reason"
    ),
    CALL_SETUP := _signaling(
        "call_setup_seconds", "histogram", "Time from the opening of the match to the first connection"
    ),
    CALL_SECONDS := _signaling(
        "call_seconds", "histogram", "Length of ended matches, as far as this pod observed them"
    ),
    CALL_RTT := _signaling("call_rtt_seconds", "histogram", "Round-trip time between the two browsers"),
    CALL_JITTER := _signaling("call_jitter_seconds", "histogram", "Jitter of received media"),
    CALL_LOSS := _signaling("call_loss_ratio", "histogram", "Share of packets lost, 0 to 1", "direction"),
    CALL_BITRATE := _signaling("call_bitrate_bits_per_second", "histogram", "Media bitrate", "direction"),
    CALL_SCORE := _signaling("call_score", "histogram", "Call quality at each report of a client, 0 (worst) to 100"),
    CALL_FREEZES := _signaling("call_freezes_total", "counter", "Freezes of received video"),
    CALL_FROZEN := _signaling("call_frozen_seconds_total", "counter", "Seconds of frozen video"),
    WEBHOOKS := _signaling("webhooks_total", "counter", "Attempts to deliver a webhook, by result", "result"),
    WEBHOOKS_LOST := _signaling(
        "webhooks_lost_total", "counter", "Webhooks given up, or dropped for lack of room or by a fault", "reason"
    ),
    RECORDS_LOST := _signaling(
        "call_records_lost_total", "counter", "Call records that the store did not accept in time"
    ),
    FAULTS := _signaling("faults_total", "counter", "Unexpected exceptions that were contained and logged", "work"),
)
"""All metrics of a signaling pod."""

OPERATOR: Final = (
    RECONCILE_SECONDS := _operator(
        "reconcile_seconds", "histogram", "Duration of one reconciliation of one resource", "kind"
    ),
    RECONCILE_ERRORS := _operator(
        "reconcile_errors_total", "counter", "Failed reconciliations, which are retried", "kind", "error"
    ),
    QUEUE_LENGTH := _operator("queue_length", "gauge", "Resources waiting for reconciliation"),
    API_REQUESTS := _operator("api_requests_total", "counter", "Requests to the Kubernetes API", "verb", "code"),
    LEADING := _operator("leading", "gauge", "Whether this replica holds the Lease, 0 or 1"),
)
"""All metrics of the operator."""


def page() -> str:
    """Return the reference page, in Markdown."""
    lines = ["# Metrics", "", "<!-- Generated by tools/generate.py: do not edit. -->", ""]
    lines += [
        "Signaling pods and the operator export these metrics in Prometheus' text format. Pods serve them at",
        "`/metrics` on the port `internal`, over TLS: set `scheme: https`, and in `tls_config` set `ca_file` to the",
        f"`tls.crt` of the Secret `NAME-signaling-internal-tls` and `server_name` to `{names.INTERNAL_TLS_NAME}`.",
        "",
        "Durations are in seconds. Metrics of calls are what browsers report; a client can report anything.",
    ]
    for title, metrics in (("Signaling pods", SIGNALING), ("Operator", OPERATOR)):
        lines += ["", f"## {title}", "", "| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} |"
            f" {metric.meaning} |"
            for metric in metrics
        ]
    return "\n".join(lines) + "\n"
