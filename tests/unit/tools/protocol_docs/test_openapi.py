"""The OpenAPI document covers all that a pod serves, and describes all of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from tools.protocol_docs.openapi import openapi

from switchboard_signaling.server.http.app import public_app
from switchboard_signaling.server.http.internal import internal_app
from switchboard_signaling.server.pod import make_pod
from switchboard_signaling.settings import ServerSettings

DOCUMENT = openapi("1.2.3")
DESCRIBED = ("parameters", "properties", "responses", "headers", "schemas", "securitySchemes", "variables", "servers")
METHODS = ("get", "put", "post", "delete", "options")


def documented() -> Iterator[tuple[str, str, Any]]:
    """Yield the method, the path and the document of each operation."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def served(app: web.Application) -> set[tuple[str, str]]:
    return {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def undescribed(value: Any, where: str = "") -> Iterator[str]:
    """Yield the places of fields, parameters, headers, responses and schemas that have no description."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in children:
        place = f"{where}/{key}"
        parent = where.rpartition("/")[2]
        if (parent in DESCRIBED or key in ("info", "requestBody")) and not one.get("description", "").strip():
            yield place
        yield from undescribed(one, place)


def test_exactly_the_routes_of_the_pod_are_documented() -> None:
    pod = make_pod(ServerSettings())
    assert {(method, path) for method, path, _ in documented()} == served(public_app(pod)) | served(internal_app(pod))


def test_every_field_parameter_header_and_response_has_a_description() -> None:
    assert list(undescribed(DOCUMENT)) == []
    assert list(undescribed({"parameters": [{"name": "limit"}]})) == ["/parameters/0"]


def test_every_operation_has_a_summary_and_an_id_of_its_own() -> None:
    operations = [operation for _, _, operation in documented()]
    assert all(operation["summary"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_objects_have_exactly_the_documented_fields() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["additionalProperties"] is False, name


def test_every_reference_points_to_a_schema() -> None:
    names = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(DOCUMENT))
    assert set(names) == set(DOCUMENT["components"]["schemas"])


def test_statuses_of_limits_say_when_to_come_back() -> None:
    for _, path, operation in documented():
        if "429" in operation["responses"]:
            assert "Retry-After" in operation["responses"]["429"]["headers"], path
