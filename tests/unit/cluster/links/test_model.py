import pytest

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.links.model import Link, LinkConditions, LinkName


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("", LinkConditions()),
        ("rate=2mbit", LinkConditions(rate_kbps=2000)),
        ("rate=150kbit", LinkConditions(rate_kbps=150)),
        ("rate=1gbit", LinkConditions(rate_kbps=1_000_000)),
        ("rate=2.5mbit", LinkConditions(rate_kbps=2500)),
        ("loss=5%", LinkConditions(loss=0.05)),
        ("loss=100%", LinkConditions(loss=1)),
        ("delay=40ms,jitter=5ms", LinkConditions(delay_ms=40, jitter_ms=5)),
        ("delay=1.5s", LinkConditions(delay_ms=1500)),
        ("queue=1s", LinkConditions(queue_ms=1000)),
        (" rate=2MBIT, loss=0.1% ", LinkConditions(rate_kbps=2000, loss=0.001)),
    ],
)
def test_a_text_is_parsed_into_conditions(text: str, conditions: LinkConditions) -> None:
    assert LinkConditions.parse(text) == conditions


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("speed=2mbit", "`speed=2mbit` must be one of rate=…, loss=…"),
        ("rate", "must be a number followed by kbit or mbit or gbit"),
        ("rate=2", "`rate=2` must be a number followed by kbit"),
        ("loss=0.05", "must be a number followed by %"),
        ("delay=-1ms", "must be a number followed by ms or s"),
        ("delay=40ms,delay=50ms", "`delay` must be given only once"),
        ("rate=1kbit", "rate_kbps is 1; it must be 8 to"),
        ("loss=101%", "loss is 1.01; it must be 0 to 1"),
        ("delay=2000s", "delay_ms is 2e\\+06; it must be 0 to 60000"),
        ("queue=0ms", "queue_ms is 0; it must be 1 to"),
        ("delay=5ms,jitter=6ms", "the jitter \\(6 ms\\) exceeds the delay \\(5 ms\\)"),
    ],
)
def test_an_invalid_condition_is_quoted(text: str, complaint: str) -> None:
    with pytest.raises(ClusterError, match=complaint) as raised:
        LinkConditions.parse(text)
    assert raised.value.code == "bad-link-conditions"
    assert "rate=2mbit" in raised.value.remedy


def test_a_condition_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ClusterError, match="loss is nan"):
        LinkConditions(loss=float("nan"))


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        (LinkConditions(), ""),
        (LinkConditions(rate_kbps=10_000_000, loss=0.00001), "rate=10000000kbit,loss=0.001%"),
        (LinkConditions(delay_ms=40, jitter_ms=5, queue_ms=50), "delay=40ms,jitter=5ms,queue=50ms"),
    ],
)
def test_conditions_are_printed_in_the_format_of_their_input(conditions: LinkConditions, text: str) -> None:
    assert str(conditions) == text


@pytest.mark.parametrize(
    ("text", "unimpaired", "delayed"),
    [
        ("", True, False),
        ("queue=50ms", True, False),
        ("rate=2mbit", False, False),
        ("loss=1%", False, False),
        ("delay=1ms", False, True),
        ("delay=1ms,jitter=1ms", False, True),
    ],
)
def test_only_delay_needs_the_emulator(text: str, unimpaired: bool, delayed: bool) -> None:
    conditions = LinkConditions.parse(text)
    assert (conditions.unimpaired, conditions.delayed) == (unimpaired, delayed)


def test_conditions_as_json() -> None:
    assert LinkConditions(loss=0.5).as_dict() == {
        "rate_kbps": 0.0,
        "loss": 0.5,
        "delay_ms": 0.0,
        "jitter_ms": 0.0,
        "queue_ms": 200.0,
    }


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("node-2", LinkName("node-2", None)),
        ("cp", LinkName("cp", None)),
        ("client-alice:wifi0", LinkName("client-alice", "wifi0")),
    ],
)
def test_a_text_is_parsed_into_a_target(text: str, target: LinkName) -> None:
    assert LinkName.parse(text) == target


@pytest.mark.parametrize("text", ["", "Node-2", "node 2", "client-alice:", ":eth0", "../x"])
def test_an_invalid_target_is_quoted(text: str) -> None:
    with pytest.raises(ClusterError, match="is not a valid link name") as raised:
        LinkName.parse(text)
    assert raised.value.code == "bad-link-target"


def test_the_name_of_a_tap_fits_an_interface_name() -> None:
    longest = Link("sb9-client-x", "eth0", "sb9c200", "sb9", "sb9-bridge")
    assert longest.tap == "sb9c200t"
    assert len(longest.tap) < 16
