"""From a model to the structural OpenAPI v3 schema that a CustomResourceDefinition carries.

Structural schemas know no references, no `anyOf` of types and no titles
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
    """Return a default without the fields that are left out."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value


def without_defaults(schema: Schema) -> Schema:
    """Return the schema of a status: the API server should fill in nothing that the operator did not find."""
    result = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in result:
        result["properties"] = {name: without_defaults(child) for name, child in result["properties"].items()}
    if "items" in result:
        result["items"] = without_defaults(result["items"])
    return result


def _resolve(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """Replace a reference, alone or in an optional type, by what it refers to; what stands beside it wins."""
    beside = dict(node)
    if "anyOf" in beside:
        options = [option for option in beside.pop("anyOf") if option.get("type") != "null"]
        if len(options) != 1:
            raise TypeError(f"a structural schema has no union of types: {options}. Remedy: a field for each type")
        return _resolve({**options[0], **beside}, definitions)
    if "$ref" in beside:
        target = definitions[beside.pop("$ref").removeprefix("#/$defs/")]
        return _resolve({**target, **beside}, definitions)
    return beside
