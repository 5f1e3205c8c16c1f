"""What the chart must hold before any Helm renders it; tests/e2e/operator/test_chart.py installs it."""

import json
from pathlib import Path
from typing import Any

import yaml

from switchboard_crds import names
from switchboard_crds.manifests import all_crds

CHART = Path(__file__).parents[3] / "charts" / "switchboard"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
FREE = {"resources", "nodeSelector", "tolerations", "global"}
"""Values whose content Kubernetes itself checks."""


def test_the_schema_refuses_what_it_does_not_know_at_every_level() -> None:
    def check(schema: dict[str, Any], path: str) -> None:
        for name, child in schema.get("properties", {}).items():
            check(child, f"{path}.{name}")
        if schema.get("type") == "object" and path.rsplit(".", 1)[-1] not in FREE:
            assert schema["additionalProperties"] is False, path
        if "items" in schema and path.rsplit(".", 1)[-1] not in FREE:
            check(schema["items"], f"{path}[]")

    check(SCHEMA, "")


def test_every_value_is_in_the_schema() -> None:
    def check(values: dict[str, Any], schema: dict[str, Any], path: str) -> None:
        for name, value in values.items():
            assert name in schema["properties"], f"{path}.{name}"
            if isinstance(value, dict) and name not in FREE:
                check(value, schema["properties"][name], f"{path}.{name}")

    check(VALUES, SCHEMA, "")


def test_the_chart_carries_the_definitions_of_all_kinds() -> None:
    carried = [yaml.safe_load(path.read_text()) for path in sorted((CHART / "crds").glob("*.yaml"))]
    assert carried == sorted(all_crds(), key=lambda manifest: str(manifest["metadata"]["name"]))


def test_rights_and_upgrade_name_every_kind() -> None:
    rights = (CHART / "templates" / "rbac.yaml").read_text()
    helpers = (CHART / "templates" / "_helpers.tpl").read_text()
    for kind in names.KINDS:
        assert f"{kind.plural}/status" in rights
        assert kind.crd in helpers


def test_no_right_is_a_wildcard() -> None:
    for template in (CHART / "templates").glob("*.yaml"):
        assert '"*"' not in template.read_text()
