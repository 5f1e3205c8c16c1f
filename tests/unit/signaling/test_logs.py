"""What is logged, and what is not."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage

from switchboard_signaling import logs
from switchboard_signaling.settings import Environment


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(("error", "kept"), [(BadHttpMessage("not HTTP"), False), (ValueError("our fault"), True)])
def test_what_anybody_can_send_is_no_error_of_the_server(
    error: Exception, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    logs.configure(Environment.STAGING)
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
    assert bool(caplog.records) is kept
