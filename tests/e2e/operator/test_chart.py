"""The chart on a real API server: its installation, the checks of its values, and the operator's rights."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.apiserver import ApiServer, running
from tests.e2e.operator.conftest import CHART, Start, helm, operator_kubeconfig
from tests.e2e.operator.kubelet import Kubelet
from tests.e2e.operator.resources import Pool
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster


@pytest.fixture
def empty(api: ApiServer, tmp_path: Path) -> Iterator[ApiServer]:
    """A cluster without Switchboard."""
    with running(tmp_path, api.bin) as server:
        yield server


def test_one_command_installs_the_kinds_the_operator_and_the_quickstart(empty: ApiServer) -> None:
    notes = helm(
        *(empty, "install", "try", str(CHART), "--namespace", "calls", "--create-namespace"),
        *("--set", "quickstart.enabled=true"),
    )
    assert "http://localhost:8080" in notes
    assert "wait --for=condition=Ready signalingpool/quickstart" in notes
    listed = json.loads(empty.kubectl("-n", "calls", "get", "switchboard", "-o", "json"))["items"]
    assert {item["kind"] for item in listed} == {"SignalingPool", "TurnFleet", "RedisCluster"}
    helm(empty, "uninstall", "try", "--namespace", "calls")
    assert "signalingpools.switchboard.dev" in empty.kubectl("get", "crd", "-o", "name")


def test_an_unknown_value_is_refused_with_its_name(api: ApiServer) -> None:
    with pytest.raises(AssertionError, match="additional properties 'replica' not allowed"):
        helm(api, "template", "x", str(CHART), "--set", "operator.replica=2")


def test_a_quickstart_outside_the_watched_namespaces_is_refused(api: ApiServer) -> None:
    with pytest.raises(AssertionError, match=r"in operator\.watchNamespaces\. Remedy: add it"):
        helm(
            *(api, "template", "x", str(CHART), "--namespace", "here"),
            *("--set", "quickstart.enabled=true", "--set", "operator.watchNamespaces={there}"),
        )


def test_the_crd_job_runs_before_upgrades_only_and_can_be_disabled(api: ApiServer) -> None:
    rendered = helm(api, "template", "x", str(CHART))
    assert rendered.count("helm.sh/hook: pre-upgrade") == 4
    assert "crd-upgrade" not in helm(api, "template", "x", str(CHART), "--set", "crds.upgrade=false")


def test_an_operator_for_one_namespace_has_no_rights_in_others(
    api: ApiServer, start: Start, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    helm(
        *(api, "install", "team", str(CHART), "--namespace", namespace, "--skip-crds"),
        *("--set", f"operator.watchNamespaces={{{namespace}}}"),
    )
    try:
        account = f"system:serviceaccount:{namespace}:team-switchboard"
        elsewhere = api.kubectl("auth", "can-i", "list", "secrets", "-n", "default", f"--as={account}", check=False)
        assert elsewhere.startswith("no")
        settings = {
            "KUBECONFIG": str(operator_kubeconfig(api, namespace, "team-switchboard", tmp_path)),
            "SWITCHBOARD_OPERATOR_NAMESPACE": namespace,
            "SWITCHBOARD_OPERATOR_LEASE": "team-switchboard",
            "SWITCHBOARD_WATCH_NAMESPACES": namespace,
        }
        start("team", settings)
        pool = Pool(api, namespace, kubelet)
        pool.apply()
        until(pool.is_ready, "the pool is Ready")
    finally:
        helm(api, "uninstall", "team", "--namespace", namespace)
