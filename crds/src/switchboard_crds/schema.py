"""Structural OpenAPI v3 schema of a CustomResourceDefinition, generated from a model. Pure.

Structural schemas have no references, no titles and no union of types but integer-or-string
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED = frozenset({"title", "$defs"})


def structural(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model, with camelCase names, defaults and rules."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}))


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    node = _resolve(node, definitions)
    result: Schema = {key: value for key, value in node.items() if key not in _DROPPED}
    if "default" in result:
        result["default"] = _without_none(result["default"])
        if result["default"] is None:
            del result["default"]
    if "properties" in result:
        result["properties"] = {name: _convert(child, definitions) for name, child in result["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), Mapping):
            result[key] = _convert(result[key], definitions)
    return result


def _without_none(value: Any) -> Any:
    """Return a default without unset fields."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value


def without_defaults(schema: Schema) -> Schema:
    """Return the schema without defaults, for a status: the API server must not add what nobody observed."""
    result = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in result:
        result["properties"] = {name: without_defaults(child) for name, child in result["properties"].items()}
    if "items" in result:
        result["items"] = without_defaults(result["items"])
    return result


def _resolve(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """Replace a reference, alone or in an optional type, with its target; keys beside the reference win."""
    beside = dict(node)
    if "anyOf" in beside:
        options = [option for option in beside.pop("anyOf") if option.get("type") != "null"]
        if {option.get("type") for option in options} == {"integer", "string"}:
            return _int_or_string(options, beside)
        if len(options) != 1:
            raise TypeError(f"structural schemas have no union of types: {options}. Remedy: use one field per type")
        return _resolve({**options[0], **beside}, definitions)
    if "$ref" in beside:
        target = definitions[beside.pop("$ref").removeprefix("#/$defs/")]
        return _resolve({**target, **beside}, definitions)
    return beside


def _int_or_string(options: list[Schema], beside: Schema) -> Schema:
    """Return the schema of an integer or a string; each type obeys only the limits that apply to it."""
    limits = {key: value for option in options for key, value in option.items() if key != "type"}
    types = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    return {**limits, **types, **beside}
