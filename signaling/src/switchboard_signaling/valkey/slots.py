"""The owners of a cluster's slots, and the reaction to each error of a node. Pure.

Rules: https://valkey.io/topics/cluster-spec/ ("Redirection and resharding").
"""

from binascii import crc_hqx
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from msgspec import Struct

SLOTS: Final = 16384
SINGLE: Final = "cluster support disabled"
"""Part of the reply to CLUSTER SLOTS of a node without cluster mode (Redis 7 and Valkey)."""

Address: TypeAlias = tuple[str, int]
"""Host and port."""


def slot_of(key: str) -> int:
    """Return the slot of a key or channel: that of its hash tag, if it has one that is not empty."""
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % SLOTS


class Slots:
    """The owner of each slot. Entries are never removed: a node that no longer owns a slot redirects its callers."""

    def __init__(self) -> None:
        self._owners: list[Address | None] = [None] * SLOTS
        self.nodes: list[Address] = []
        """All nodes of the newest answer, including replicas."""

    def owner(self, slot: int) -> Address | None:
        """Return the node that owns a slot; None if it is not known yet."""
        return self._owners[slot]

    def assign(self, slot: int, owner: Address) -> None:
        """Set the owner of one slot."""
        self._owners[slot] = owner

    def single(self, node: Address) -> None:
        """Make one node the owner of all slots, because it has no cluster."""
        self._owners = [node] * SLOTS
        self.nodes = [node]

    def learn(self, rows: Sequence[Any], source: Address) -> None:
        """Update the owners from CLUSTER SLOTS; a node that does not know its own address reports an empty host."""
        nodes: dict[Address, None] = {}
        for first, last, *servers in rows:
            addresses = [(host or source[0], int(port)) for host, port, *_ in servers]
            self._owners[first : last + 1] = [addresses[0]] * (last + 1 - first)
            nodes.update(dict.fromkeys(addresses))
        if nodes:
            self.nodes = list(nodes)


class Remedy(Enum):
    """The reaction to an error."""

    GO = auto()
    """Send the command to the named node, and remember it as the owner."""
    GO_ONCE = auto()
    """Send ASKING and the command to the named node: the slot is migrating to it."""
    GIVE_SCRIPT = auto()
    """Send the script itself: the node does not know its digest."""
    WAIT = auto()
    """Read the owners of the slots again, and retry after a pause."""
    NONE = auto()
    """None: the node refuses, and would again."""


class ErrorReport(Struct, frozen=True):
    """Why a call got no reply: `code` is the first word of the text, lower-case for errors of the client itself."""

    code: str
    text: str
    remedy: Remedy
    to: Address | None = None


_REMEDIES: Final = {
    "ASK": Remedy.GO_ONCE,
    "CLUSTERDOWN": Remedy.WAIT,
    "LOADING": Remedy.WAIT,
    "MASTERDOWN": Remedy.WAIT,
    "MOVED": Remedy.GO,
    "NOSCRIPT": Remedy.GIVE_SCRIPT,
    "READONLY": Remedy.WAIT,
    "TRYAGAIN": Remedy.WAIT,
    "busy": Remedy.WAIT,
    "closed": Remedy.WAIT,
    "garbled": Remedy.WAIT,
    "lost": Remedy.WAIT,
    "timeout": Remedy.WAIT,
    "unknown": Remedy.WAIT,
    "unreachable": Remedy.WAIT,
}


def classify(text: str, source: Address) -> ErrorReport:
    """Return the kind of an error and the reaction to it."""
    code, _, rest = text.partition(" ")
    code = code.rstrip(":")
    remedy = _REMEDIES.get(code, Remedy.NONE)
    if remedy not in (Remedy.GO, Remedy.GO_ONCE):
        return ErrorReport(code, text, remedy)
    host, _, port = rest.partition(" ")[2].rpartition(":")
    return ErrorReport(code, text, remedy, (host or source[0], int(port)))
