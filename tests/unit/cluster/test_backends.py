"""The clusters of a quickstart."""

from pathlib import Path

import pytest
import yaml

from switchboard_cluster import backends, images
from switchboard_cluster.backends import Backend
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.progress import Progress


@pytest.mark.parametrize(
    ("system", "user", "expected"),
    [
        ("Linux", 0, Backend.EMBEDDED),
        ("Linux", 1000, Backend.KIND),
        ("Darwin", 0, Backend.KIND),
        ("Darwin", 501, Backend.KIND),
    ],
)
def test_the_embedded_cluster_is_the_default_for_root_on_linux(system: str, user: int, expected: Backend) -> None:
    assert backends.default(system, user) is expected


def test_a_kind_cluster_has_the_requested_number_of_nodes() -> None:
    config = yaml.safe_load(backends.kind_config(3))
    assert config["kind"] == "Cluster"
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker", "worker"]


def test_an_image_keeps_its_name_and_tag_in_another_registry(tmp_path: Path) -> None:
    image = images.Built("operator", "docker.io/switchboard/operator:0123", tmp_path / "operator.tar", built=False)
    assert backends.pushed("registry.example.com/team/", image) == "registry.example.com/team/switchboard/operator:0123"


def test_the_current_context_needs_a_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("kubectl", "helm"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="registry") as caught:
        backends.prepare(Backend.CURRENT, ["operator"], 1, "", Progress(quiet=True))
    assert caught.value.code == "no-registry"
    assert "push-images" in caught.value.remedy


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="kubectl is not installed") as caught:
        backends.prepare(Backend.KIND, ["operator"], 1, "", Progress(quiet=True))
    assert caught.value.code == "missing-program"
