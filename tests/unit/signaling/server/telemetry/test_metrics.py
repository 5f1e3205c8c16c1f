"""Metrics of a pod."""

import pytest

from switchboard_crds import metric_names
from switchboard_signaling.server.pod import make_pod
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import errors


@pytest.mark.parametrize(
    ("code", "label"), [(1000, "1000"), (errors.CLOSE_REPLACED.code, "4406"), (None, "broken"), (3456, "other")]
)
def test_closed_sockets_are_counted_by_known_codes_only(code: int | None, label: str) -> None:
    metrics = Metrics()
    metrics.close(code)
    assert f'switchboard_signaling_sockets_closed_total{{code="{label}"}} 1.0' in metrics.text().decode()


def test_all_metrics_are_in_the_reference() -> None:
    families = {family.name: family.type for family in make_pod(ServerSettings()).metrics.registry.collect()}
    table = {metric.name.removesuffix("_total"): metric.kind for metric in metric_names.SIGNALING}
    assert families == table
    page = metric_names.page()
    assert all(f"| `{metric.name}` | {metric.kind} | " in page for metric in metric_names.SIGNALING)
