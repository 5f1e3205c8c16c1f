"""A network of the tests' own, with a namespace a person: slot 8, which no cluster takes (links' own tests have 9)."""

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
    """Where one person's browser runs, with links of its own."""

    name: str
    folder: Path

    @property
    def browser(self) -> str:
        """A script that starts Chromium here."""
        return str(netns.client_netns_wrapper(SLOT, self.name, Path(CHROMIUM), self.folder))

    def interface(self, device: str, *, up: bool) -> None:
        """Take one of the interfaces down, or bring it up again."""
        netns.client_netns_link(SLOT, self.name, device, up=up)

    def datagrams(self, *, through: bool) -> None:
        """Let no UDP in or out, or let it pass again: signaling goes on, media does not."""
        change = "--delete" if through else "--append"
        for chain in ("INPUT", "OUTPUT"):
            rule = ["iptables", "--wait", change, chain, "--protocol", "udp", "--jump", "DROP"]
            subprocess.run(netns.client_netns_command(SLOT, self.name, rule), check=True, timeout=10)

    def conditions(self, text: str, device: str = "eth0") -> None:
        """Give a link other conditions; without any it is as good as can be."""
        target = f"client-{self.name}:{device}"
        if text:
            control.set_link(SLOT, target, LinkConditions.parse(text))
        else:
            control.clear_link(SLOT, target)


@contextmanager
def lan(folder: Path, **homes: tuple[str, ...]) -> Iterator[list[Home]]:
    """Make a home for each name, with these interfaces, the preferred one first; the host is at HOST."""
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
