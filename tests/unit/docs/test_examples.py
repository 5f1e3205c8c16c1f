"""The resources that the documentation shows are valid; commands, settings, metrics and modules that it names exist."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from switchboard_crds import names
from switchboard_crds.definitions import DEFINITIONS
from switchboard_crds.manifests import openapi

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*/*.md"))]
MOVED = ROOT / "docs" / "internals" / "old-paths.md"
Json = dict[str, Any]


def closed(schema: Any) -> Any:
    """Return a schema in which fields that it does not name are errors."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    return {**found, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else found


SPECS = {
    definition.kind.kind: Draft202012Validator(closed(openapi(definition)["properties"]["spec"]))
    for definition in DEFINITIONS
}


def shown() -> Iterator[tuple[str, str, Json]]:
    """Yield page, kind and spec of each resource; a spec alone is a part of a SignalingPool."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for _, block in re.findall(r"^( *)```yaml\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
            for document in yaml.safe_load_all(dedent(block)):
                if document.get("apiVersion") == names.API_VERSION:
                    yield str(page.relative_to(ROOT)), document["kind"], document["spec"]
                elif set(document) == {"spec"}:
                    whole = {"environment": "Development", **document["spec"]}
                    yield str(page.relative_to(ROOT)), names.SIGNALING_POOL.kind, whole


SHOWN = list(shown())


def test_all_three_kinds_are_shown() -> None:
    assert {kind for _, kind, _ in SHOWN} == set(SPECS)


@pytest.mark.parametrize(("page", "kind", "spec"), SHOWN)
def test_a_shown_resource_fits_its_schema(page: str, kind: str, spec: Json) -> None:
    SPECS[kind].validate(spec)


def test_a_field_that_does_not_exist_is_found() -> None:
    with pytest.raises(ValidationError, match="surgePods"):
        SPECS["SignalingPool"].validate({"environment": "Development", "rollout": {"surgePods": 1}})


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named <= targets


@pytest.mark.parametrize(
    ("reference", "pattern"),
    [("settings", r"\bSWITCHBOARD_[A-Z_]+\b"), ("metrics", r"\bswitchboard_(?:signaling|operator)_[a-z_]+_[a-z]+\b")],
)
def test_every_setting_and_metric_that_is_named_exists(reference: str, pattern: str) -> None:
    known = (ROOT / "docs" / "reference" / f"{reference}.md").read_text(encoding="utf-8")
    named = {name for page in PAGES for name in re.findall(pattern, page.read_text(encoding="utf-8"))}
    assert named
    assert {name for name in named if name not in known} == set()


def test_every_module_that_is_named_exists() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    moved = re.findall(r"^\| [^|]* \| ([^|]*) \|$", MOVED.read_text(encoding="utf-8"), re.MULTILINE)
    pages = [page.read_text(encoding="utf-8") for page in PAGES if page != MOVED]
    named = {path for text in [*pages, *moved] for path in re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|js|lua))`", text)}
    assert named
    assert {path for path in named if not any(f"/{file}".endswith(f"/{path}") for file in tracked)} == set()


def test_the_changelog_has_each_entry_once() -> None:
    entries = re.findall(r"^- (.{40})", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(entries) == sorted(set(entries))
