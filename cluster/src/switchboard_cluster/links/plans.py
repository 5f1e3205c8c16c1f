"""Plans the commands that set the conditions of a link, from its observed and wanted state. Pure.

The kernel limits bandwidth (tbf on both ends of the veth pair) and drops packets (iptables' statistic match in the
namespace). Delay needs the emulator, which then applies all conditions, in the order of a real link.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from switchboard_cluster.links.model import Link, LinkConditions

# The largest Ethernet frame with an MTU of 1500, with a reserve: tbf never passes a packet larger than its burst.
MIN_BURST_BYTES = 3200
# tbf refills its bucket at the timer's resolution: with less than this span, high rates are not reached.
BURST_SECONDS = 0.004
# GSO_MAX_SEGS of the kernel, the default of all devices.
ANY_SEGMENTS = 65535
# A queue number without a listener. NFQUEUE drops silently; DROP on egress fails the sender's system call with EPERM,
# which no lossy link does, and WebRTC then does not count the packet as sent.
NO_LISTENER = 65535


@dataclass(frozen=True)
class Command:
    """An argument list and the network namespace to run it in."""

    argv: tuple[str, ...]
    netns: str


@dataclass(frozen=True)
class ObservedLinks:
    """Current kernel configuration of a link."""

    host_tbf: bool
    device_tbf: bool
    rules: tuple[tuple[str, str], ...]
    """Loss rules of the link: iptables table, and rule in the format of `iptables -S`."""


def comment(link: Link) -> str:
    """Return the comment that identifies a link's loss rules."""
    return f"switchboard-link-{link.device}"


def kernel(link: Link, observed: ObservedLinks, wanted: LinkConditions) -> list[Command]:
    """Return the commands that make the kernel apply the rate and loss of `wanted`, or none if the link is delayed.

    The result is the same from any state that an interrupted change left; without conditions, nothing remains.
    """
    by_kernel = LinkConditions() if wanted.delayed else wanted
    return [
        *_segments(link, wanted),
        *_rate(link, observed, by_kernel),
        *_forget_loss(link, observed),
        *(_loss(link, by_kernel.loss) if by_kernel.loss else []),
    ]


def attach(link: Link, mtu: int) -> list[Command]:
    """Return the commands that insert the emulator, which has opened both ends, between a link and its bridge."""
    return [
        _ip("link", "set", link.host_device, "nomaster", netns=link.bridge_netns),
        _ip("link", "set", link.tap, "mtu", str(mtu), "master", link.bridge, "up", netns=link.bridge_netns),
    ]


def detach(link: Link) -> list[Command]:
    """Return the commands that reconnect a link to its bridge. The emulator removes the TAP when it closes it."""
    return [_ip("link", "set", link.host_device, "master", link.bridge, netns=link.bridge_netns)]


def remember(link: Link, wanted: LinkConditions) -> Command:
    """Return the command that stores the conditions in the alias of the link, where `show` reads them."""
    return _ip("link", "set", link.host_device, "alias", str(wanted), netns=link.bridge_netns)


def burst(rate_kbps: float) -> int:
    """Return the burst size of tbf in bytes."""
    return max(MIN_BURST_BYTES, int(rate_kbps * 125 * BURST_SECONDS))


def _segments(link: Link, wanted: LinkConditions) -> list[Command]:
    """Disable segmentation offload with loss or delay, so that they apply to packets, not to bursts of up to 64 KiB.

    Otherwise it stays enabled: tbf splits bursts itself, and high rates are not reached without them.
    """
    largest = str(1 if wanted.loss or wanted.delayed else ANY_SEGMENTS)
    return [
        _ip("link", "set", link.host_device, "gso_max_segs", largest, netns=link.bridge_netns),
        _ip("link", "set", link.device, "gso_max_segs", largest, netns=link.netns),
    ]


def _rate(link: Link, observed: ObservedLinks, wanted: LinkConditions) -> list[Command]:
    ends = ((link.host_device, link.bridge_netns, observed.host_tbf), (link.device, link.netns, observed.device_tbf))
    if wanted.rate_kbps:
        rate, size = f"{wanted.rate_kbps * 1000:.0f}bit", f"{burst(wanted.rate_kbps)}b"
        tbf = ("tbf", "rate", rate, "burst", size, "latency", f"{wanted.queue_ms:g}ms")
        return [Command(("tc", "qdisc", "replace", "dev", device, "root", *tbf), netns) for device, netns, _ in ends]
    return [Command(("tc", "qdisc", "del", "dev", device, "root"), netns) for device, netns, there in ends if there]


def _forget_loss(link: Link, observed: ObservedLinks) -> list[Command]:
    found = ((table, shlex.split(rule)) for table, rule in observed.rules)
    return [_iptables(link, table, "-D", *words[1:]) for table, words in found if words and words[0] == "-A"]


def _loss(link: Link, loss: float) -> list[Command]:
    """Drop in raw PREROUTING and mangle POSTROUTING, which own and forwarded (pods') packets pass."""
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
