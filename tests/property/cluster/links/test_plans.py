"""The kernel's plan against a small model of the kernel: from any state, to any conditions."""

from hypothesis import given
from hypothesis import strategies as st

from switchboard_cluster.links import plans
from switchboard_cluster.links.model import Link, LinkConditions

LINK = Link("sb0-client-a", "wifi0", "sb0c1", "sb0", "sb0-bridge")
ENDS = {(LINK.host_device, LINK.bridge_netns): "host", (LINK.device, LINK.netns): "device"}

wanted = st.builds(
    LinkConditions,
    rate_kbps=st.sampled_from([0, 500, 2000]),
    loss=st.sampled_from([0, 0.05, 1]),
    delay_ms=st.sampled_from([0, 40]),
)


def perform(commands: list[plans.Command], before: plans.ObservedLinks) -> plans.ObservedLinks:
    """Do what the kernel would; deleting what is not there is an error, as it is there."""
    shaped = {end for end, there in (("host", before.host_tbf), ("device", before.device_tbf)) if there}
    rules = list(before.rules)
    for command in commands:
        words = command.argv
        if words[:2] == ("tc", "qdisc"):
            end = ENDS[words[4], command.netns]
            if words[2] == "del":
                shaped.remove(end)
            else:
                shaped.add(end)
        elif words[0] == "iptables":
            table, action, rule = words[4], words[5], " ".join(("-A", *words[6:]))
            if action == "-D":
                rules.remove((table, rule))
            else:
                rules.append((table, rule))
    return plans.ObservedLinks("host" in shaped, "device" in shaped, tuple(rules))


@given(st.lists(wanted, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_only_the_last_conditions_count(history: list[LinkConditions], host_tbf: bool, device_tbf: bool) -> None:
    state = plans.ObservedLinks(host_tbf, device_tbf, ())
    for conditions in history:
        state = perform(plans.kernel(LINK, state, conditions), state)
    last = history[-1]
    clean = plans.ObservedLinks(host_tbf=False, device_tbf=False, rules=())
    assert state == perform(plans.kernel(LINK, clean, last), clean)
    shaped = bool(last.rate_kbps) and not last.delayed
    assert (state.host_tbf, state.device_tbf) == (shaped, shaped)
    assert len(state.rules) == (2 if last.loss and not last.delayed else 0)


@given(wanted, st.integers(0, 20))
def test_an_interrupted_change_can_be_cleared(conditions: LinkConditions, done: int) -> None:
    clean = plans.ObservedLinks(host_tbf=False, device_tbf=False, rules=())
    half = perform(plans.kernel(LINK, clean, conditions)[:done], clean)
    assert perform(plans.kernel(LINK, half, LinkConditions()), half) == clean
