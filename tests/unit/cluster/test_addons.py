"""DNS and the default StorageClass, as objects."""

from typing import Any

from switchboard_cluster import addons
from switchboard_cluster.layout import Slot

SLOT = Slot(4)
OBJECTS = addons.objects(SLOT, "coredns:1")


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [obj for _, obj in OBJECTS if obj["kind"] == kind]
    return found


def test_each_object_goes_to_the_collection_of_its_kind_and_namespace() -> None:
    for path, obj in OBJECTS:
        group = obj["apiVersion"]
        prefix = f"/apis/{group}" if "/" in group else f"/api/{group}"
        namespace = obj["metadata"].get("namespace")
        middle = f"/namespaces/{namespace}" if namespace else ""
        plural = f"{obj['kind'].lower()}{'es' if obj['kind'].endswith('s') else 's'}"
        assert path == f"{prefix}{middle}/{plural}"


def test_dns_has_the_address_in_the_kubelets_configuration() -> None:
    service, deployment = of_kind("Service"), of_kind("Deployment")
    assert service["spec"]["clusterIP"] == SLOT.dns_address
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert {port["protocol"] for port in service["spec"]["ports"]} == {"UDP", "TCP"}


def test_dns_survives_the_failure_of_a_node() -> None:
    spec = of_kind("Deployment")["spec"]
    assert spec["replicas"] == 2
    [spread] = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"


def test_dns_may_read_only_the_resources_that_it_serves() -> None:
    rules = of_kind("ClusterRole")["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "watch"}
    assert {resource for rule in rules for resource in rule["resources"]} == {
        "services",
        "pods",
        "namespaces",
        "endpointslices",
    }
    [subject] = of_kind("ClusterRoleBinding")["subjects"]
    assert subject["name"] == of_kind("ServiceAccount")["metadata"]["name"]
    assert of_kind("Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == subject["name"]


def test_dns_runs_the_image_that_was_loaded() -> None:
    [container] = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("coredns:1", "Never")
    assert of_kind("ConfigMap")["data"]["Corefile"] == addons.COREFILE


def test_the_storage_class_is_the_default() -> None:
    storage_class = of_kind("StorageClass")
    assert storage_class["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert storage_class["provisioner"] == "kubernetes.io/host-path"
