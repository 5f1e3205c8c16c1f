"""Logging: one JSON line an event, or coloured text in development. Never a token, an SDP or a client's address."""

import logging

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from switchboard_signaling.settings import Environment


def configure(environment: Environment) -> None:
    """Set up structlog for the process."""
    development = environment is Environment.DEVELOPMENT
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if development
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("aiohttp.server").addFilter(_not_the_clients_fault)
    # It warns of subprotocols that are not ours, with the client's address.
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)


def _not_the_clients_fault(record: logging.LogRecord) -> bool:
    """Drop what aiohttp says of requests that are not HTTP: they are answered with 400, and anybody can send them."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
