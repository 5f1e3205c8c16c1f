"""Generate an AsyncAPI 3.0 document from the definitions that decode the frames."""

from typing import Any, Final, get_args

import msgspec

from switchboard_signaling.wire.errors import CLOSE_CODES
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES
from switchboard_signaling.wire.messages import SUBPROTOCOL, ClientFrame, ServerFrame
from tools.protocol_docs.schema import components

_DESCRIPTION: Final = f"""Each frame is a WebSocket text message: one JSON object of at most {MAX_FRAME_BYTES} bytes of
UTF-8, identified by `type`. The client requests the subprotocol `{SUBPROTOCOL}` and sends `hello` or `resume` first."""


def asyncapi(version: str) -> dict[str, Any]:
    """Return the AsyncAPI document of this version, from the server's point of view."""
    received = {f"client.{frame.__name__}": frame for frame in get_args(ClientFrame)}
    sent = {f"server.{frame.__name__}": frame for frame in get_args(ServerFrame)}
    every = {**received, **sent}
    _, schemas = components("#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": SUBPROTOCOL, "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/ws",
                "description": _closing(),
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in every},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "receive": _operation("receive", "Frames from clients.", list(received)),
            "send": _operation("send", "Frames to clients, in any order; each may be repeated.", list(sent)),
        },
        "components": {
            "messages": {name: _message(frame) for name, frame in every.items()},
            "schemas": _plain(schemas),
        },
    }


def _operation(action: str, summary: str, messages: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/socket"},
        "messages": [{"$ref": f"#/channels/socket/messages/{name}"} for name in messages],
    }


def _message(frame: type[msgspec.Struct]) -> dict[str, Any]:
    return {"name": frame.__struct_config__.tag, "payload": {"$ref": f"#/components/schemas/{frame.__name__}"}}


def _closing() -> str:
    codes = ", ".join(f"{code.code} {code.reason}" for code in CLOSE_CODES)
    return f"The server closes with one of these codes: {codes}."


def _plain(value: Any) -> Any:
    """Return a schema without `discriminator`, which AsyncAPI defines differently; `anyOf` is sufficient."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key != "discriminator"}
    return [_plain(one) for one in value] if isinstance(value, list) else value
