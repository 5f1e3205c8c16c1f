from typing import Any

import pytest

from switchboard_crds import names
from switchboard_crds.definitions import DEFINITIONS, Definition
from switchboard_crds.manifests import all_crds, crd, openapi

EVERY = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind.singular)


def version(definition: Definition) -> Any:
    return crd(definition)["spec"]["versions"][0]


def test_there_is_a_manifest_for_each_kind() -> None:
    assert [manifest["metadata"]["name"] for manifest in all_crds()] == [kind.crd for kind in names.KINDS]


@EVERY
def test_names_category_and_status_are_declared(definition: Definition) -> None:
    spec = crd(definition)["spec"]
    assert spec["names"]["categories"] == ["switchboard"]
    assert spec["names"]["shortNames"] == [definition.kind.short]
    assert spec["scope"] == "Namespaced"
    assert version(definition)["subresources"]["status"] == {}


def test_only_pools_scale() -> None:
    scalable = [item.kind.kind for item in DEFINITIONS if "scale" in version(item)["subresources"]]
    assert scalable == ["SignalingPool"]


@EVERY
def test_columns_end_with_readiness_reason_age_and_a_wide_message(definition: Definition) -> None:
    columns = version(definition)["additionalPrinterColumns"]
    assert {"Ready", "Reason", "Age"} <= {column["name"] for column in columns if "priority" not in column}
    assert "Message" in {column["name"] for column in columns if column.get("priority") == 1}


@EVERY
def test_the_schema_is_structural(definition: Definition) -> None:
    """No references, titles or floats, no union but integer-or-string, a description of every field of the spec."""

    def check(schema: dict[str, Any], path: str) -> None:
        assert not {"$ref", "allOf", "oneOf", "title"} & schema.keys(), path
        assert "type" in schema or schema["x-kubernetes-int-or-string"], path
        assert ("anyOf" in schema) == ("type" not in schema), path
        assert schema.get("type") != "number", f"{path}: floats do not survive all clients"
        for name, child in schema.get("properties", {}).items():
            assert child.get("description"), f"{path}.{name}"
            check(child, f"{path}.{name}")
        if "items" in schema:
            check(schema["items"], f"{path}[]")

    check(openapi(definition)["properties"]["spec"], "spec")


@EVERY
def test_status_has_conditions_by_type_and_the_observed_generation(definition: Definition) -> None:
    status = openapi(definition)["properties"]["status"]
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert "observedGeneration" in status["properties"]
    assert "'default':" not in str(status)


@EVERY
def test_every_rule_says_which_field_and_what_to_do(definition: Definition) -> None:
    def messages(schema: dict[str, Any]) -> list[str]:
        found = [rule["message"] for rule in schema.get("x-kubernetes-validations", [])]
        children = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return found + [message for child in children for message in messages(child)]

    for message in messages(openapi(definition)):
        assert message.startswith(("spec.", "metadata.name")), message
