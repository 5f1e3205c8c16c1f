from typing import Annotated

import pytest
from pydantic import Field

from switchboard_crds.model import Model
from switchboard_crds.schema import structural, without_defaults


class Inner(Model):
    """What is inside."""

    size: int = Field(default=1, description="How much.")
    label: str | None = None


class Outer(Model):
    """What is outside."""

    inner: Inner = Field(default=Inner(), description="Inside.")
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)


def test_references_are_resolved_and_what_stands_beside_them_wins() -> None:
    inner = structural(Outer)["properties"]["inner"]
    assert inner["description"] == "Inside."
    assert inner["properties"]["size"] == {"type": "integer", "default": 1, "description": "How much."}


def test_an_optional_field_has_its_type_and_no_default() -> None:
    properties = structural(Outer)["properties"]
    assert properties["maybe"]["type"] == "object"
    assert "default" not in properties["maybe"]
    assert properties["inner"]["properties"]["label"] == {"type": "string"}


def test_a_default_has_no_unset_fields() -> None:
    assert structural(Outer)["properties"]["inner"]["default"] == {"size": 1}


def test_lists_and_maps_hold_converted_schemas() -> None:
    properties = structural(Outer)["properties"]
    assert properties["many"]["items"]["properties"]["size"]["type"] == "integer"
    assert properties["labels"]["additionalProperties"] == {"type": "string"}


def test_an_integer_or_string_has_the_limits_of_both_types() -> None:
    class Surge(Model):
        value: Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern="^[0-9]+%$")] = Field(
            "25%", description="How many."
        )

    assert structural(Surge)["properties"]["value"] == {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        "minimum": 1,
        "pattern": "^[0-9]+%$",
        "default": "25%",
        "description": "How many.",
    }


def test_any_other_union_of_types_is_refused_with_the_remedy() -> None:
    class Either(Model):
        value: bool | str

    with pytest.raises(TypeError, match="Remedy: use one field per type"):
        structural(Either)


def test_a_status_has_no_defaults_at_any_depth() -> None:
    schema = without_defaults(structural(Outer))
    assert "default" not in str(schema)
    assert schema["properties"]["many"]["items"]["properties"]["size"]["type"] == "integer"
