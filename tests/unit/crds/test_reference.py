import pytest

from switchboard_crds.definitions import DEFINITIONS, Definition
from switchboard_crds.reference import page

PAGES = {definition.kind.kind: page(definition) for definition in DEFINITIONS}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind.singular)
def test_a_page_names_the_kind_its_short_name_and_all_conditions(definition: Definition) -> None:
    text = PAGES[definition.kind.kind]
    assert f"# {definition.kind.kind}\n" in text
    assert f"short name `{definition.kind.short}`" in text
    assert all(f"| {name} | {meaning} |" in text for name, meaning in definition.conditions.items())


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (
            "SignalingPool",
            "| `spec.replicas` | integer 0..2000 | `1` | Number of signaling pods. More than one",
        ),
        ("SignalingPool", "| `spec.environment` | `Development` \\| `Staging` \\| `Production` | required |"),
        ("SignalingPool", "| `spec.turnRefs[].name` | string | required |"),
        ("SignalingPool", "| `spec.rollout.maxSurge` | integer 1..2000 or string | `25%` |"),
        ("TurnFleet", "| `spec.allowedPeers` | list of string |"),
        ("RedisCluster", "| `status.readyNodes` | integer 0.. |  |"),
    ],
)
def test_a_field_has_path_type_default_and_meaning(kind: str, row: str) -> None:
    assert row in PAGES[kind]


def test_scalable_kinds_say_so() -> None:
    assert "kubectl scale" in PAGES["SignalingPool"]
    assert "kubectl scale" not in PAGES["TurnFleet"]


def test_rules_are_listed() -> None:
    assert "- spec.port must lie outside spec.relayPorts" in PAGES["TurnFleet"]
