"""A test network with one network namespace per user, in slot 8, which no cluster uses (the tests of links use 9)."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.call import CHROMIUM

from switchboard_cluster import network, processes
from switchboard_cluster.layout import Slot
from switchboard_cluster.links import control, netns
from switchboard_cluster.links.model import LinkConditions

SLOT = Slot(8)
HOST = SLOT.host_address


@dataclass(frozen=True)
class Home:
    """A user's network namespace, with its own links, in which the browser runs."""

    name: str
    folder: Path

    @property
    def browser(self) -> str:
        """The path of a script that starts Chromium in this namespace."""
        return str(netns.client_netns_wrapper(SLOT, self.name, Path(CHROMIUM), self.folder))

    def interface(self, device: str, *, up: bool) -> None:
        """Set one of the interfaces up or down."""
        netns.client_netns_link(SLOT, self.name, device, up=up)

    def udp(self, *, blocked: bool) -> None:
        """Block or unblock all UDP: media stops while signaling continues."""
        change = "--append" if blocked else "--delete"
        for chain in ("INPUT", "OUTPUT"):
            rule = ["iptables", "--wait", change, chain, "--protocol", "udp", "--jump", "DROP"]
            subprocess.run(netns.client_netns_command(SLOT, self.name, rule), check=True, timeout=10)

    def conditions(self, text: str, device: str = "eth0") -> None:
        """Set the conditions of a link; an empty text removes them."""
        target = f"client-{self.name}:{device}"
        if text:
            control.set_link(SLOT, target, LinkConditions.parse(text))
        else:
            control.clear_link(SLOT, target)


@contextmanager
def lan(folder: Path, **homes: tuple[str, ...]) -> Iterator[list[Home]]:
    """Create one home per name, with these interfaces in order of preference; the host's address is HOST."""
    network.remove(SLOT)
    network.create(SLOT, [])
    try:
        for name, devices in homes.items():
            netns.client_netns_add(SLOT, name, devices)
        yield [Home(name, folder) for name in homes]
    finally:
        for name in homes:
            netns.client_netns_remove(SLOT, name)
        processes.kill(lambda: processes.find(SLOT))
        network.remove(SLOT)
        shutil.rmtree(SLOT.run_dir, ignore_errors=True)
