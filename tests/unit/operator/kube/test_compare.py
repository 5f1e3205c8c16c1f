from typing import Any

import pytest

from switchboard_operator.kube.compare import difference, digest, nanos


@pytest.mark.parametrize(
    ("have", "want", "found"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, "a is 1 instead of 2"),
        ({}, {"a": None}, "a is missing"),
        (None, {"a": 1}, "the value is None instead of {'a': 1}"),
        ({"a": [{"n": 1, "default": 0}]}, {"a": [{"n": 1}]}, None),
        ({"a": [{"n": 1}, {"n": 2}]}, {"a": [{"n": 1}, {"n": 3}]}, "a[1].n is 2 instead of 3"),
        ({"a": [1, 2]}, {"a": [1]}, "a is [1, 2] instead of [1]"),
        ({"a": 1}, {"a": [1]}, "a is 1 instead of [1]"),
        ({"a": {"b.c/d": "x"}}, {"a": {"b.c/d": "y"}}, "a['b.c/d'] is 'x' instead of 'y'"),
        ("x", "x", None),
    ],
)
def test_the_first_difference_is_described_and_additional_fields_are_ignored(
    have: Any, want: Any, found: str | None
) -> None:
    assert difference(have, want) == found


def test_metadata_is_compared_last_since_its_hash_explains_nothing() -> None:
    def service(kind: str) -> Any:
        return {"metadata": {"annotations": {"hash": kind}}, "spec": {"type": kind}}

    assert difference(service("NodePort"), service("ClusterIP")) == "spec.type is 'NodePort' instead of 'ClusterIP'"


@pytest.mark.parametrize("field", ["data", "stringData", "binaryData"])
def test_a_difference_contains_no_secret(field: str) -> None:
    assert difference({field: {"key": "old"}}, {field: {"key": "new"}}) == (
        f"{field}.key is another value instead of another value"
    )


def test_a_long_value_is_cut() -> None:
    assert difference({"a": "x" * 1000}, {"a": "y"}) == f"a is '{'x' * 59}... instead of 'y'"


def at(path: str, value: Any) -> Any:
    """Return an object with a value at a path of keys; `0` is the only item of a list."""
    for key in reversed(path.split(".")):
        value = [value] if key == "0" else {key: value}
    return value


QUANTITIES = [
    "spec.template.spec.containers.0.resources.requests.memory",
    "spec.containers.0.resources.limits.cpu",
    "spec.volumeClaimTemplates.0.spec.resources.requests.storage",
    "spec.volumes.0.emptyDir.sizeLimit",
    "spec.containers.0.env.0.valueFrom.resourceFieldRef.divisor",
    "spec.overhead.memory",
    "spec.capacity.storage",
    "spec.hard.pods",
]
TEXTS = [
    "metadata.labels.requests",
    "metadata.labels.limits",
    "metadata.annotations.sizeLimit",
    "spec.selector.matchLabels.memory",
    "spec.nodeSelector.storage",
    "spec.containers.0.env.0.value",
    "spec.containers.0.image",
    "data.sizeLimit",
    "resources.requests",
    "limits.cpu",
]


@pytest.mark.parametrize("path", QUANTITIES)
def test_quantities_are_compared_by_value(path: str) -> None:
    assert difference(at(path, "1Gi"), at(path, "1024Mi")) is None
    assert difference(at(path, "1"), at(path, "1000m")) is None
    assert difference(at(path, "1Gi"), at(path, "1G")) is not None
    assert difference(at(path, "1Gi"), at(path, "much")) is not None
    assert difference(at(path, "more"), at(path, "much")) is not None


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_that_looks_like_a_quantity_is_a_text(path: str) -> None:
    assert difference(at(path, "1"), at(path, "1000m")) is not None
    assert difference(at(path, "1000m"), at(path, "1000m")) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1024Mi", "1Gi"),
        ("0.5Gi", "512Mi"),
        ("0.1Gi", "107374182400m"),
        ("1000m", "1"),
        ("1000m", 1),
        ("1.5", 1.5),
        ("1e3", "1k"),
        ("1E3", "1000"),
        ("1E", "1000P"),
        ("1Ei", "1024Pi"),
        ("1e-1", "100m"),
        (".5", "500m"),
        ("1.", "1"),
        ("+1", "1"),
        ("1000n", "1u"),
        ("0.1n", "1n"),
        ("1Ti", "1024Gi"),
        ("1Mi", "1024Ki"),
        ("1M", "1000k"),
        ("1T", "1000G"),
    ],
)
def test_two_spellings_of_one_quantity_are_equal(first: Any, second: Any) -> None:
    assert nanos(first) == nanos(second) is not None


@pytest.mark.parametrize(
    "value", ["", "m", "1 Gi", "1ki", "1K", "1mi", "1e", "1_000", "NaN", "1e999", "1Gi\n", True, None, [], {}]
)
def test_invalid_quantities_have_no_value(value: Any) -> None:
    assert nanos(value) is None


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
