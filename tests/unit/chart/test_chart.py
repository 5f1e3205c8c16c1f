"""What the chart must hold before any Helm renders it; tests/e2e/operator/test_chart.py installs it."""

import json
import re
from collections.abc import Iterator
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
CEL: dict[str, int] = {
    **dict.fromkeys(("all", "exists", "has", "matches", "size", "startsWith"), 25),
    **dict.fromkeys(("isQuantity", "quantity", "isGreaterThan"), 28),
    "isCIDR": 30,
}
"""Functions in rules of our definitions, with the minor version of Kubernetes 1 that has each: apiserver's
pkg/cel/environment/base.go. Rules are on by default since 1.25."""


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


def test_the_chart_asks_for_a_kubernetes_that_compiles_every_rule() -> None:
    used = {name for crd in all_crds() for rule in rules(crd) for name in functions(rule)}
    assert used <= set(CEL), "enter the version that introduced the function"
    # A rule that is new in a cluster may only use what the minor version before knows too, for the way back to it.
    oldest = max(CEL[name] for name in used) + 1
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">=1.{oldest}.0-0"


def rules(schema: Any) -> Iterator[str]:
    """Yield the expressions in CEL at all levels of a definition."""
    if isinstance(schema, dict):
        for item in schema.get("x-kubernetes-validations", []):
            yield from (item[key] for key in ("rule", "messageExpression") if key in item)
    if isinstance(schema, dict | list):
        for child in schema.values() if isinstance(schema, dict) else schema:
            yield from rules(child)


def functions(rule: str) -> list[str]:
    """Return the names of the functions and macros that an expression calls."""
    return re.findall(r"([A-Za-z_]\w*)\s*\(", re.sub(r"'(\\.|[^'\\])*'|\"(\\.|[^\"\\])*\"", "''", rule))
