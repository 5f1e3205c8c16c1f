import pytest

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Slot
from switchboard_cluster.links.netns import ClientNamespace, Interface, client_netns_add, interface_commands

SLOT = Slot(1)
WIFI = Interface(SLOT, "wifi0", 1)
CELL = Interface(SLOT, "cell0", 2)


def test_an_interface_has_a_name_and_an_address_of_its_slot() -> None:
    assert (CELL.host_device, CELL.address) == ("sb1c2", "10.202.0.52")


def test_a_client_has_routes_to_nodes_and_pods() -> None:
    assert interface_commands(WIFI, SLOT.nodes(1)) == [
        "addr replace 10.202.0.51/24 dev wifi0 noprefixroute",
        "link set wifi0 up",
        "route replace 10.202.0.0/24 dev wifi0 src 10.202.0.51 metric 1",
        "route replace 10.202.101.0/24 via 10.202.0.11 dev wifi0 metric 1",
        "route replace default dev wifi0 src 10.202.0.51 metric 1",
        "route replace 10.202.0.0/24 dev wifi0 src 10.202.0.51 table 1",
        "route replace 10.202.101.0/24 via 10.202.0.11 dev wifi0 table 1",
        "route replace default dev wifi0 src 10.202.0.51 table 1",
    ]


def test_a_client_is_printed_with_its_addresses() -> None:
    assert ClientNamespace("alice", "sb1-client-alice", (WIFI, CELL)).as_dict() == {
        "name": "alice",
        "namespace": "sb1-client-alice",
        "interfaces": {"wifi0": "10.202.0.51", "cell0": "10.202.0.52"},
    }


@pytest.mark.parametrize("name", ["", "Alice", "-a", "a b", "a/../b", "a" * 33])
def test_an_invalid_name_is_refused_before_any_change(name: str) -> None:
    with pytest.raises(ClusterError, match="is not a valid client name") as raised:
        client_netns_add(SLOT, name)
    assert raised.value.code == "bad-client"


@pytest.mark.parametrize("devices", [(), ("lo",), ("WIFI",), ("a" * 16,), ("eth0", "no way")])
def test_an_invalid_interface_is_refused_before_any_change(devices: tuple[str, ...]) -> None:
    with pytest.raises(ClusterError, match="invalid interface names"):
        client_netns_add(SLOT, "alice", devices)
