"""The HTTP interface as an OpenAPI 3.1 document, from the operations and structs that the server answers with."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from switchboard_crds import names
from switchboard_signaling.server.http.admin import ADMIN, ADMIN_PATH
from switchboard_signaling.server.http.app import PUBLIC
from switchboard_signaling.server.http.internal import INTERNAL
from switchboard_signaling.server.http.operations import JSON, HttpAnswer, Operation

_DESCRIPTION: Final = (
    "What a signaling pod serves over HTTP. The tag `public` is the port for clients; its responses under /api/ and"
    " /web/sdk/ carry CORS headers for the pool's allowedOrigins. The tags `internal` and `admin` are the port for the"
    " operator, Prometheus and administrators, which clients cannot reach. asyncapi.yaml describes the frames of the"
    " WebSocket at /ws. Any other path is answered with 404, any other method with 405, a malformed request with 400"
    " and a fault of the server with 500."
)
_REFERENCE: Final = "#/components/schemas/{name}"
_TAGS: Final = {
    "public": "Clients and load balancers.",
    "internal": "Prometheus, and the operator's commands.",
    "admin": "Administrators: list, inspect and end sessions, block and watch clients.",
}
_SECURITY: Final = {
    "session": "The session token of the newest `welcome` or `heartbeat`.",
    "operator": "A token of SWITCHBOARD_INTERNAL_TOKEN_DIR.",
    "admin": "A token of SWITCHBOARD_ADMIN_TOKEN_DIR.",
}


def openapi(version: str) -> dict[str, Any]:
    """Return the OpenAPI document of this version of the server."""
    served = list(operations())
    schemas = _schemas([one for _, _, one in served])
    paths: dict[str, Any] = {}
    for tag, path, operation in served:
        item = paths.setdefault(path, {"servers": [_server(tag)]})
        item[operation.method.lower()] = _operation(tag, path, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Switchboard signaling", "version": version, "description": _DESCRIPTION},
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text} for name, text in _SECURITY.items()
            },
            "schemas": {name: schema for name, schema in schemas.items() if name not in _parameter_names(served)},
        },
    }


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Yield the tag, the path in OpenAPI's form, and each operation of a pod."""
    for tag, prefix, served in (("public", "", PUBLIC), ("internal", "", INTERNAL), ("admin", ADMIN_PATH, ADMIN)):
        for operation in served:
            yield tag, prefix + re.sub(r"\{(\w+):[^}]+\}", r"{\1}", operation.path), operation


def _server(tag: str) -> dict[str, Any]:
    if tag == "public":
        host = {"default": "localhost", "description": "Host of the pool."}
        return {"url": "https://{host}", "description": "The pool.", "variables": {"host": host}}
    return {
        "url": f"https://{names.INTERNAL_TLS_NAME}:{names.INTERNAL_PORT}",
        "description": f"One pod: connect to its address and expect a certificate for {names.INTERNAL_TLS_NAME}.",
    }


def _operation(tag: str, path: str, operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (operation.handler.__doc__ or "").partition("\n\n")
    document: dict[str, Any] = {
        "tags": [tag],
        "operationId": "-".join(re.findall(r"\w+", f"{operation.method.lower()} {path}")),
        "summary": summary.strip().removesuffix("."),
    }
    if description:
        document["description"] = " ".join(description.split())
    if operation.security:
        bearer: dict[str, list[str]] = {operation.security: []}
        document["security"] = [{}, bearer] if operation.optional_security else [bearer]
    if parameters := [*_parameters(operation, schemas)]:
        document["parameters"] = parameters
    if operation.body:
        document["requestBody"] = {
            "description": schemas[operation.body.__name__]["description"],
            "required": True,
            "content": {JSON: {"schema": _reference(operation.body)}},
        }
    document["responses"] = {str(status): _answer(one) for status, one in sorted(operation.answers.items())}
    return document


def _parameters(operation: Operation, schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    places = {"path": operation.path_parameters, "query": operation.query, "header": operation.headers}
    for place, kind in places.items():
        if kind is None:
            continue
        for one in fields(kind):
            schema = deepcopy(schemas[kind.__name__]["properties"][one.encode_name])
            described = {"name": one.encode_name, "in": place, "description": schema.pop("description")}
            yield {**described, "required": one.required, "schema": schema}


def _answer(answer: HttpAnswer) -> dict[str, Any]:
    document: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        document["headers"] = {
            name: {"description": text, "required": answer.headers_required, "schema": {"type": "string"}}
            for name, text in answer.headers.items()
        }
    if answer.body:
        document["content"] = {JSON: {"schema": _reference(answer.body)}}
    elif answer.media_type:
        document["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    return document


def _reference(kind: type[Struct]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _schemas(served: list[Operation]) -> dict[str, Any]:
    """Return the schemas of all structs by name; objects have exactly the fields that their structs have."""
    kinds = {
        kind
        for one in served
        for kind in (one.path_parameters, one.query, one.headers, one.body, *(a.body for a in one.answers.values()))
        if kind
    }
    _, schemas = msgspec.json.schema_components(sorted(kinds, key=lambda kind: kind.__name__), ref_template=_REFERENCE)
    for schema in schemas.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return dict(sorted(schemas.items()))


def _parameter_names(served: list[tuple[str, str, Operation]]) -> set[str]:
    """Return the names of structs that stand for parameters, which OpenAPI lists one by one."""
    kinds = [kind for _, _, one in served for kind in (one.path_parameters, one.query, one.headers)]
    return {kind.__name__ for kind in kinds if kind}
