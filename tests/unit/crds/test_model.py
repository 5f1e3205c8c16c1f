import pytest
from pydantic import ValidationError

from switchboard_crds.model import Resource, Rule, map_list, rules, short_name

METADATA = {"name": "calls", "namespace": "web", "uid": "u-1"}


def test_a_resource_is_read_by_its_json_names_and_ignores_what_it_does_not_know() -> None:
    resource = Resource.model_validate({"metadata": {**METADATA, "generation": 3, "labels": {}}, "later": 1})
    assert resource.key == "web/calls"
    assert resource.metadata.generation == 3
    assert resource.status.conditions == ()


def test_a_condition_needs_all_that_the_conventions_ask_for() -> None:
    with pytest.raises(ValidationError, match="lastTransitionTime"):
        Resource.model_validate({"metadata": METADATA, "status": {"conditions": [{"type": "Ready"}]}})


def test_rules_become_validations_and_name_their_field_if_they_have_one() -> None:
    extra = rules(Rule("self.a", "set a"), Rule("self.b", "set b", ".b"))["json_schema_extra"]
    assert extra == {
        "x-kubernetes-validations": [
            {"rule": "self.a", "message": "set a"},
            {"rule": "self.b", "message": "set b", "fieldPath": ".b"},
        ]
    }


def test_the_rule_for_names_says_what_is_named_after_the_resource() -> None:
    assert "because a Service is named after the resource" in short_name("a Service").message


def test_a_map_list_names_its_key() -> None:
    assert map_list("name") == {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
