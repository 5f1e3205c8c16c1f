"""Logging: one JSON line an event, or coloured text in development. Never a token, an SDP or a client's address."""

import logging

import structlog

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
