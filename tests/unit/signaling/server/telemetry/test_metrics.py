"""What Prometheus is told of a pod."""

import pytest

from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.wire import errors


@pytest.mark.parametrize(
    ("code", "label"), [(1000, "1000"), (errors.CLOSE_REPLACED.code, "4409"), (None, "broken"), (3456, "other")]
)
def test_closed_sockets_are_counted_by_codes_that_a_client_cannot_make_up(code: int | None, label: str) -> None:
    metrics = Metrics()
    metrics.close(code)
    assert f'switchboard_signaling_sockets_closed_total{{code="{label}"}} 1.0' in metrics.text().decode()
