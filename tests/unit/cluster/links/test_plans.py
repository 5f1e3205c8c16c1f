import pytest

from switchboard_cluster.links import plans
from switchboard_cluster.links.model import Link, LinkConditions

LINK = Link("sb0-node-1", "eth0", "sb0n1", "sb0", "sb0-bridge")
PREROUTING = "PREROUTING -i eth0 -m statistic --mode random --probability {} -m comment --comment {} -j DROP"
POSTROUTING = (
    "POSTROUTING -o eth0 -m statistic --mode random --probability {} -m comment --comment {} "
    "-j NFQUEUE --queue-num 65535"
)
MARK = "switchboard-link-eth0"
PRINTED = "0.04999999981", f'"{MARK}"'  # as iptables prints them

CLEAN = plans.ObservedLinks(host_tbf=False, device_tbf=False, rules=())
SHAPED = plans.ObservedLinks(
    host_tbf=True,
    device_tbf=True,
    rules=(("raw", f"-A {PREROUTING.format(*PRINTED)}"), ("mangle", f"-A {POSTROUTING.format(*PRINTED)}")),
)

ONE_BY_ONE = ["sb0-bridge: ip link set sb0n1 gso_max_segs 1", "sb0-node-1: ip link set eth0 gso_max_segs 1"]
IN_BURSTS = ["sb0-bridge: ip link set sb0n1 gso_max_segs 65535", "sb0-node-1: ip link set eth0 gso_max_segs 65535"]
RATE = [
    "sb0-bridge: tc qdisc replace dev sb0n1 root tbf rate 2000000bit burst 3200b latency 200ms",
    "sb0-node-1: tc qdisc replace dev eth0 root tbf rate 2000000bit burst 3200b latency 200ms",
]
NO_RATE = ["sb0-bridge: tc qdisc del dev sb0n1 root", "sb0-node-1: tc qdisc del dev eth0 root"]
LOSS = [
    f"sb0-node-1: iptables -w 5 -t raw -A {PREROUTING.format('0.050000000', MARK)}",
    f"sb0-node-1: iptables -w 5 -t mangle -A {POSTROUTING.format('0.050000000', MARK)}",
]
NO_LOSS = [
    f"sb0-node-1: iptables -w 5 -t raw -D {PREROUTING.format(PRINTED[0], MARK)}",
    f"sb0-node-1: iptables -w 5 -t mangle -D {POSTROUTING.format(PRINTED[0], MARK)}",
]


def text(commands: list[plans.Command]) -> list[str]:
    return [f"{command.netns}: {' '.join(command.argv)}" for command in commands]


@pytest.mark.parametrize(
    ("observed", "wanted", "commands"),
    [
        pytest.param(CLEAN, "", IN_BURSTS, id="nothing to do"),
        pytest.param(CLEAN, "rate=2mbit", IN_BURSTS + RATE, id="bandwidth"),
        pytest.param(CLEAN, "loss=5%", ONE_BY_ONE + LOSS, id="loss"),
        pytest.param(CLEAN, "rate=2mbit,loss=5%", ONE_BY_ONE + RATE + LOSS, id="both"),
        pytest.param(SHAPED, "rate=2mbit,loss=5%", ONE_BY_ONE + RATE + NO_LOSS + LOSS, id="again"),
        pytest.param(SHAPED, "loss=5%", ONE_BY_ONE + NO_RATE + NO_LOSS + LOSS, id="bandwidth no more"),
        pytest.param(SHAPED, "rate=2mbit", IN_BURSTS + RATE + NO_LOSS, id="loss no more"),
        pytest.param(SHAPED, "", IN_BURSTS + NO_RATE + NO_LOSS, id="clear"),
        pytest.param(CLEAN, "delay=40ms,loss=5%,rate=2mbit", ONE_BY_ONE, id="the emulator does all of it"),
        pytest.param(SHAPED, "delay=40ms,loss=5%", ONE_BY_ONE + NO_RATE + NO_LOSS, id="from kernel to emulator"),
        pytest.param(
            plans.ObservedLinks(host_tbf=True, device_tbf=False, rules=SHAPED.rules[1:]),
            "",
            IN_BURSTS + NO_RATE[:1] + NO_LOSS[1:],
            id="clear what an interrupted change left",
        ),
        pytest.param(
            plans.ObservedLinks(host_tbf=False, device_tbf=False, rules=(("raw", "-P PREROUTING ACCEPT"), ("raw", ""))),
            "",
            IN_BURSTS,
            id="policies are no rules",
        ),
    ],
)
def test_the_commands_lead_from_any_state_to_the_conditions(
    observed: plans.ObservedLinks, wanted: str, commands: list[str]
) -> None:
    assert text(plans.kernel(LINK, observed, LinkConditions.parse(wanted))) == commands


@pytest.mark.parametrize(
    ("rate_kbps", "size"),
    [(8, 3200), (2000, 3200), (6400, 3200), (100_000, 50_000), (1_000_000, 500_000)],
)
def test_the_bucket_holds_a_frame_and_four_milliseconds(rate_kbps: float, size: int) -> None:
    assert plans.burst(rate_kbps) == size


def test_the_emulator_replaces_the_port() -> None:
    assert text(plans.attach(LINK, mtu=1400)) == [
        "sb0-bridge: ip link set sb0n1 nomaster",
        "sb0-bridge: ip link set sb0n1t mtu 1400 master sb0 up",
    ]


def test_the_port_replaces_the_emulator_again() -> None:
    assert text(plans.detach(LINK)) == ["sb0-bridge: ip link set sb0n1 master sb0"]


@pytest.mark.parametrize("conditions", ["", "loss=5%,delay=40ms"])
def test_conditions_are_stored_in_the_alias_of_the_link(conditions: str) -> None:
    command = plans.remember(LINK, LinkConditions.parse(conditions))
    assert command.argv == ("ip", "link", "set", "sb0n1", "alias", conditions)
