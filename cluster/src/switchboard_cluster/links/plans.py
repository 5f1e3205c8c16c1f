"""The commands that set the conditions of a link. Pure: from observed and required conditions to argument lists.

The kernel does bandwidth (tbf on both ends of the veth pair) and loss (iptables' statistic match inside the namespace).
Delay needs the emulator, which then does all four, in the order of a real link.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from switchboard_cluster.links.model import Link, LinkConditions

# The largest Ethernet frame of a link with an MTU of 1500, plus room: tbf never passes a packet larger than its burst.
MIN_BURST_BYTES = 3200
# tbf refills its bucket at the resolution of the timer: a smaller bucket than this would not reach high rates.
BURST_SECONDS = 0.004
# The kernel's GSO_MAX_SEGS: the default of every device.
ANY_SEGMENTS = 65535
# A queue number without a listener. NFQUEUE drops packets silently, like a lossy link; an outgoing DROP fails the
# sender's system call with EPERM, and WebRTC does not count the packet as sent.
NO_LISTENER = 65535


@dataclass(frozen=True)
class Command:
    """An argument list and its network namespace."""

    argv: tuple[str, ...]
    netns: str


@dataclass(frozen=True)
class ObservedLinks:
    """The kernel's present conditions of a link."""

    host_tbf: bool
    device_tbf: bool
    rules: tuple[tuple[str, str], ...]
    """The link's loss rules: iptables table, and the rule as `iptables -S` prints it."""


def comment(link: Link) -> str:
    """Return the comment that identifies a link's loss rules."""
    return f"switchboard-link-{link.device}"


def kernel(link: Link, observed: ObservedLinks, conditions: LinkConditions) -> list[Command]:
    """Return the commands that set the kernel's rate and loss of a link; none of either if the link is delayed.

    The result does not depend on the state that an interrupted change left. Without conditions, nothing remains.
    """
    by_kernel = LinkConditions() if conditions.delayed else conditions
    return [
        *_segments(link, conditions),
        *_rate(link, observed, by_kernel),
        *_remove_loss(link, observed),
        *(_loss(link, by_kernel.loss) if by_kernel.loss else []),
    ]


def attach(link: Link, mtu: int) -> list[Command]:
    """Return the commands that insert the emulator, which has opened both ends, between a link and its bridge."""
    return [
        _ip("link", "set", link.host_device, "nomaster", netns=link.bridge_netns),
        _ip("link", "set", link.tap, "mtu", str(mtu), "master", link.bridge, "up", netns=link.bridge_netns),
    ]


def detach(link: Link) -> list[Command]:
    """Return the commands that reconnect a link to its bridge. The TAP disappears when the emulator closes it."""
    return [_ip("link", "set", link.host_device, "master", link.bridge, netns=link.bridge_netns)]


def label(link: Link, conditions: LinkConditions) -> Command:
    """Return the command that stores conditions in the link's alias, where `show` reads them."""
    return _ip("link", "set", link.host_device, "alias", str(conditions), netns=link.bridge_netns)


def burst(rate_kbps: float) -> int:
    """Return the size of tbf's bucket in bytes."""
    return max(MIN_BURST_BYTES, int(rate_kbps * 125 * BURST_SECONDS))


def _segments(link: Link, conditions: LinkConditions) -> list[Command]:
    """Lose and delay packets one by one, not in bursts of up to 64 KiB (segmentation offload).

    tbf splits such bursts itself, and needs them to reach high rates.
    """
    largest = str(1 if conditions.loss or conditions.delayed else ANY_SEGMENTS)
    return [
        _ip("link", "set", link.host_device, "gso_max_segs", largest, netns=link.bridge_netns),
        _ip("link", "set", link.device, "gso_max_segs", largest, netns=link.netns),
    ]


def _rate(link: Link, observed: ObservedLinks, conditions: LinkConditions) -> list[Command]:
    ends = ((link.host_device, link.bridge_netns, observed.host_tbf), (link.device, link.netns, observed.device_tbf))
    if conditions.rate_kbps:
        rate, size = f"{conditions.rate_kbps * 1000:.0f}bit", f"{burst(conditions.rate_kbps)}b"
        tbf = ("tbf", "rate", rate, "burst", size, "latency", f"{conditions.queue_ms:g}ms")
        return [Command(("tc", "qdisc", "replace", "dev", device, "root", *tbf), netns) for device, netns, _ in ends]
    return [Command(("tc", "qdisc", "del", "dev", device, "root"), netns) for device, netns, has_tbf in ends if has_tbf]


def _remove_loss(link: Link, observed: ObservedLinks) -> list[Command]:
    found = ((table, shlex.split(rule)) for table, rule in observed.rules)
    return [_iptables(link, table, "-D", *words[1:]) for table, words in found if words and words[0] == "-A"]


def _loss(link: Link, loss: float) -> list[Command]:
    """Return the rules in the chains that see the namespace's own packets and those that it forwards for pods."""
    chance = ("-m", "statistic", "--mode", "random", "--probability", f"{loss:.9f}")
    mark = ("-m", "comment", "--comment", comment(link))
    silent_drop = ("-j", "NFQUEUE", "--queue-num", str(NO_LISTENER))
    return [
        _iptables(link, "raw", "-A", "PREROUTING", "-i", link.device, *chance, *mark, "-j", "DROP"),
        _iptables(link, "mangle", "-A", "POSTROUTING", "-o", link.device, *chance, *mark, *silent_drop),
    ]


def _ip(*words: str, netns: str) -> Command:
    return Command(("ip", *words), netns)


def _iptables(link: Link, table: str, *words: str) -> Command:
    return Command(("iptables", "-w", "5", "-t", table, *words), link.netns)
