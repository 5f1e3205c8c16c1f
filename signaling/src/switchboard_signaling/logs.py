"""Logging: one JSON line per event, or coloured text in development, without tokens, SDP and client addresses.

Our own lines contain ids only. Messages of other libraries and of exceptions are redacted, and tracebacks have no
variables.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from structlog.tracebacks import ExceptionDictTransformer

from switchboard_signaling.settings import LogFormat, ServerSettings

SECRET_NAMES: Final = frozenset(
    {"token", "auth", "authorization", "jwt", "password", "secret", "credential", "sdp", "candidate", "candidates"}
)
"""Keys whose values are never written."""
_PATTERNS: Final = (
    # JWTs (RFC 7515 section 7.1) and our own tokens: three parts of base64url, the last one a signature.
    (re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{22,}"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]+"), r"\1 [token]"),
    # Session descriptions (RFC 8866 section 5) and candidates (RFC 8839 section 5.1), to the end of the text.
    (re.compile(r"(?s)\b(v=0\s*(\\r|\\n|[\r\n])|(a=)?candidate:\S+ \d).*"), "[sdp]"),
    (re.compile(r"(?<=://)[^/\s@]+@"), "[credentials]@"),
)
_ADDRESS: Final = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # IPv4
    r"|(?<![\w:])(?=[\da-fA-F:]*[\da-fA-F]{1,4}:)(?:[\da-fA-F]{0,4}:){2,7}[\da-fA-F]{0,4}(?![\w:])"  # IPv6
)
_TIME: Final = re.compile(r"\d{1,2}:\d{2}:\d{2}")

Event = MutableMapping[str, Any]


def configure(settings: ServerSettings) -> None:
    """Set up logging for the process, including other libraries."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(settings)
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, hide_addresses],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    logging.getLogger("aiohttp.server").addFilter(_no_http_noise)
    # It logs a warning with the client's address for each foreign subprotocol.
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)


def _no_http_noise(record: logging.LogRecord) -> bool:
    """Drop aiohttp's errors about malformed requests: they are answered with 400, and anyone can send them."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def redact(_logger: object, _method: str, event: Event) -> Event:
    """Replace whatever looks like a secret, at any depth."""
    for name, value in event.items():
        event[name] = _clean(name, value)
    return event


def hide_addresses(_logger: object, _method: str, event: Event) -> Event:
    """Replace addresses in messages of other libraries: aiohttp logs the client of a failed request."""
    event["event"] = _ADDRESS.sub(_address, str(event["event"]))
    return event


def _rendering(settings: ServerSettings) -> list[structlog.typing.Processor]:
    """Return the processors that render an event. Tracebacks omit variables, which contain frames and tokens."""
    if settings.logging is LogFormat.CONSOLE:
        return [
            structlog.processors.format_exc_info,
            redact,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    traceback = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    where = {"pool": settings.pool, "pod": settings.pod}

    def add_where(_logger: object, _method: str, event: Event) -> Event:
        return {**where, **event}

    return [add_where, traceback, redact, structlog.processors.JSONRenderer()]


def _clean(name: object, value: Any) -> Any:
    if name in SECRET_NAMES and value and not isinstance(value, int | float):
        return "[hidden]"
    match value:
        case str():
            for pattern, instead in _PATTERNS:
                value = pattern.sub(instead, value)
            return value
        case Mapping():
            return {key: _clean(key, one) for key, one in value.items()}
        case list() | tuple():
            return [_clean("", one) for one in value]
        case Exception():
            return _clean("", str(value) or repr(value))  # a TimeoutError has no text
        case bytes():
            return _clean("", str(value))
    return value


def _address(found: re.Match[str]) -> str:
    return found[0] if _TIME.fullmatch(found[0]) else "[address]"
