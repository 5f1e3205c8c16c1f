"""Sets, clears and shows the conditions of links: the side effects around `plans`."""

from __future__ import annotations

import fcntl
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from switchboard_cluster import network, processes
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths, Slot
from switchboard_cluster.links import plans
from switchboard_cluster.links.model import Link, LinkConditions, LinkName
from switchboard_cluster.system import in_netns, run

EMULATOR = "link-emulator"
EMULATOR_START_SECONDS = 15.0
REQUEST_SECONDS = 5.0


@dataclass(frozen=True)
class LinkState:
    """A link and its conditions. `working` is false if the emulator that carries its frames is not running."""

    target: str
    link: Link
    conditions: LinkConditions
    working: bool
    emulated: dict[str, Any] | None
    """Packet counters of the emulator by direction; None if it does not carry the frames."""

    def as_dict(self) -> dict[str, Any]:
        """Return the state in the format of `-o json`."""
        mechanism = "none" if self.conditions.unimpaired else "emulator" if self.conditions.delayed else "kernel"
        return {
            "target": self.target,
            "namespace": self.link.netns,
            "device": self.link.device,
            "hostDevice": self.link.host_device,
            "conditions": str(self.conditions),
            "mechanism": mechanism,
            "working": self.working,
            "emulator": self.emulated,
        }


def set_link(slot: Slot, target: str, conditions: LinkConditions) -> LinkState:
    """Replace the conditions of a target's link, and return its state.

    Raises `ClusterError`: `bad-link-target`, `unknown-link`, `emulator-failed`, or that of a failed command.
    """
    with lock(slot):
        link = find_link(slot, target)
        _perform(
            [plans.remember(link, conditions)]
        )  # first, so that an interrupted change is visible and can be cleared
        if conditions.delayed:
            _start_emulator(slot)
            request = {"op": "attach", "host_device": link.host_device, "tap": link.tap}
            _ask(slot, request | {"conditions": conditions.as_dict()})
            _perform([*plans.kernel(link, _observe(link), conditions), *plans.attach(link, _mtu(link))])
        else:
            _perform(plans.detach(link))
            _detach(slot, link)
            _perform(plans.kernel(link, _observe(link), conditions))
    return next(state for state in show_links(slot) if state.link == link)


def clear_link(slot: Slot, target: str) -> LinkState:
    """Remove the conditions of a link, if any. Raises what `set_link` raises."""
    return set_link(slot, target, LinkConditions())


def show_links(slot: Slot) -> list[LinkState]:
    """Return the states of all links of a slot."""
    links = all_links(slot)
    aliases = {port["ifname"]: port.get("ifalias", "") for port in _links(slot.bridge_netns)} if links else {}
    emulated: dict[str, Any] = _ask(slot, {"op": "list"})["links"] if _emulator_runs(slot) else {}
    states = []
    for link in links:
        conditions = LinkConditions.parse(aliases.get(link.host_device, ""))
        counters = emulated.get(link.host_device)
        working = not conditions.delayed or counters is not None
        states.append(LinkState(_name(slot, link), link, conditions, working, counters))
    return states


def find_link(slot: Slot, target: str) -> Link:
    """Return the link of a target. Raises `ClusterError("unknown-link")`, which lists the existing links."""
    wanted = LinkName.parse(target)
    links = all_links(slot)
    found = [
        link for link in links if link.netns == f"{slot.prefix}-{wanted.name}" and wanted.device in (None, link.device)
    ]
    if len(found) != 1:
        names = ", ".join(_name(slot, link) for link in links) or "none"
        what = "has several interfaces; name one, as in client-alice:wifi0" if found else "has no link"
        raise ClusterError("unknown-link", f"{target} {what}", f"the links are: {names}")
    return found[0]


def all_links(slot: Slot) -> list[Link]:
    """Return the links of all namespaces of a slot to its bridge."""
    if slot.bridge_netns not in network.namespaces(slot):
        return []
    # An interface index is unique only within its namespace, so ports are matched by the namespace of their peer too.
    listed = json.loads(run(["ip", "-json", "netns", "list-id"], netns=slot.bridge_netns).stdout or "[]")
    namespaces = {one["nsid"]: one["name"] for one in listed if "name" in one}
    ports = {
        (namespaces.get(port["link_netnsid"]), port["link_index"]): port["ifname"]
        for port in _links(slot.bridge_netns)
        if "link_netnsid" in port
    }
    return [
        Link(netns, link["ifname"], ports[netns, link["ifindex"]], slot.prefix, slot.bridge_netns)
        for netns in network.namespaces(slot)
        for link in _links(netns)
        if (netns, link["ifindex"]) in ports
    ]


def _name(slot: Slot, link: Link) -> str:
    name = link.netns.removeprefix(f"{slot.prefix}-")
    return name if link.device == "eth0" else f"{name}:{link.device}"


def _links(netns: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(run(["ip", "-json", "-details", "link", "show"], netns=netns).stdout)
    return listed


def _mtu(link: Link) -> int:
    return next(int(found["mtu"]) for found in _links(link.bridge_netns) if found["ifname"] == link.host_device)


def _observe(link: Link) -> plans.ObservedLinks:
    rules = []
    for table, chain in (("raw", "PREROUTING"), ("mangle", "POSTROUTING")):
        listed = run(["iptables", "-w", "5", "-t", table, "-S", chain], netns=link.netns).stdout.splitlines()
        rules += [(table, rule) for rule in listed if plans.comment(link) in rule.replace('"', "").split()]
    host_tbf, device_tbf = _has_tbf(link.host_device, link.bridge_netns), _has_tbf(link.device, link.netns)
    return plans.ObservedLinks(host_tbf, device_tbf, tuple(rules))


def _has_tbf(device: str, netns: str) -> bool:
    shown = json.loads(run(["tc", "-json", "qdisc", "show", "dev", device], netns=netns).stdout or "[]")
    return any(qdisc["kind"] == "tbf" for qdisc in shown)


def _perform(commands: list[plans.Command]) -> None:
    for command in commands:
        run(command.argv, netns=command.netns, timeout=10.0)


def _socket_path(slot: Slot) -> Path:
    return slot.run_dir / "links.sock"


@contextmanager
def lock(slot: Slot) -> Iterator[None]:
    """Allow one process at a time to change the links of a slot."""
    slot.run_dir.mkdir(parents=True, exist_ok=True)
    with (slot.run_dir / "links.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _emulator_runs(slot: Slot) -> bool:
    return EMULATOR in processes.units(slot)


def _detach(slot: Slot, link: Link) -> None:
    """Detach a link from the emulator; after the last link it exits, which the next command must not race with."""
    pid = processes.units(slot).get(EMULATOR)
    if pid is None or _ask(slot, {"op": "detach", "host_device": link.host_device})["links"]:
        return
    if not _within(REQUEST_SECONDS, lambda: not processes.alive(pid)):
        raise _failed("it has no links left and does not exit")


def _start_emulator(slot: Slot) -> None:
    if _emulator_runs(slot):
        return
    _socket_path(slot).unlink(missing_ok=True)
    program: list[str | Path] = [sys.executable, "-m", "switchboard_cluster.links.emulator", _socket_path(slot)]
    argv = in_netns(slot.bridge_netns, program)
    pid = processes.start(slot, processes.Unit(EMULATOR, argv), Paths.of_checkout().log(EMULATOR))
    came = _within(EMULATOR_START_SECONDS, lambda: _socket_path(slot).exists() or not processes.alive(pid))
    if not came or not processes.alive(pid):
        raise _failed("it did not start")


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _failed(what: str) -> ClusterError:
    return ClusterError(
        "emulator-failed", f"the link emulator failed: {what}", "read its log", Paths.of_checkout().log(EMULATOR)
    )


def _ask(slot: Slot, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request to the emulator and return its answer. Raises `ClusterError("emulator-failed")`."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(REQUEST_SECONDS)
            connection.connect(str(_socket_path(slot)))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline() or b'{"error": "it exited"}')
    except OSError as error:
        answer = {"error": str(error)}
    if "error" in answer:
        raise _failed(answer["error"])
    return answer
