"""CustomResourceDefinition manifests, generated from the models. Pure."""

from typing import Any

from switchboard_crds import names
from switchboard_crds.definitions import DEFINITIONS, Column, Definition
from switchboard_crds.schema import Schema, structural, without_defaults


def crd(definition: Definition) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    kind = definition.kind
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd, "labels": {"app.kubernetes.io/part-of": names.MANAGED_BY}},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short],
                "categories": [names.CATEGORY],
            },
            "versions": [_version(definition)],
        },
    }


def all_crds() -> list[dict[str, Any]]:
    """Return the CustomResourceDefinitions of all kinds."""
    return [crd(definition) for definition in DEFINITIONS]


def _version(definition: Definition) -> dict[str, Any]:
    subresources: dict[str, Any] = {"status": {}}
    if definition.scale:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    return {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": subresources,
        "additionalPrinterColumns": [_column(column) for column in definition.columns],
        "schema": {"openAPIV3Schema": openapi(definition)},
    }


def openapi(definition: Definition) -> Schema:
    """Return the schema of a whole resource; the API server validates metadata itself."""
    schema = structural(definition.model)
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": schema["properties"]["spec"],
        "status": without_defaults(schema["properties"]["status"]),
    }
    schema["required"] = ["spec"]
    return schema


def _column(column: Column) -> dict[str, Any]:
    item: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**item, "priority": 1} if column.wide else item
