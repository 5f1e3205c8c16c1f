"""Who serves which slot of a cluster, and how a caller should react to a node's error. Pure.

Rules: https://valkey.io/topics/cluster-spec/ ("Redirection and resharding").
"""

from binascii import crc_hqx
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from msgspec import Struct

SLOTS: Final = 16384
SINGLE: Final = "cluster support disabled"
"""What a node without a cluster says when it is asked for the slots (ERR, in Redis 7 and in Valkey)."""

Address: TypeAlias = tuple[str, int]
"""Host and port."""


def slot_of(key: str) -> int:
    """Return the slot of a key or channel: of its hash tag, if it has one that is not empty."""
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % SLOTS


class Slots:
    """A table that is never emptied: what nodes no longer speak of is corrected by those who are asked for it."""

    def __init__(self) -> None:
        self._owners: list[Address | None] = [None] * SLOTS
        self.nodes: list[Address] = []
        """All nodes of the last answer, replicas too."""

    def owner(self, slot: int) -> Address | None:
        """Return the node that serves a slot; None if nobody said so yet."""
        return self._owners[slot]

    def assign(self, slot: int, owner: Address) -> None:
        """Note the new owner of one slot."""
        self._owners[slot] = owner

    def alone(self, node: Address) -> None:
        """Note that there is no cluster: one node serves all."""
        self._owners = [node] * SLOTS
        self.nodes = [node]

    def learn(self, rows: Sequence[Any], said_by: Address) -> None:
        """Take the answer to CLUSTER SLOTS; a node that does not know its own address leaves the host empty."""
        nodes: dict[Address, None] = {}
        for first, last, *servers in rows:
            addresses = [(host or said_by[0], int(port)) for host, port, *_ in servers]
            self._owners[first : last + 1] = [addresses[0]] * (last + 1 - first)
            nodes.update(dict.fromkeys(addresses))
        if nodes:
            self.nodes = list(nodes)


class Remedy(Enum):
    """What to do after an error."""

    GO = auto()
    """Go where it says, and remember it."""
    GO_ONCE = auto()
    """Go where it says, with ASKING before the command: the slot is on its way there."""
    GIVE_SCRIPT = auto()
    """Give the script itself: the node does not know it by its name."""
    WAIT = auto()
    """Try again a little later, and ask who serves the slot by then."""
    NONE = auto()
    """The node refuses, and will again."""


class Trouble(Struct, frozen=True):
    """Why a call was not answered: `code` is the first word of the text, ours are in small letters."""

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


def trouble(text: str, said_by: Address) -> Trouble:
    """Return what an error means."""
    code, _, rest = text.partition(" ")
    code = code.rstrip(":")
    remedy = _REMEDIES.get(code, Remedy.NONE)
    if remedy not in (Remedy.GO, Remedy.GO_ONCE):
        return Trouble(code, text, remedy)
    host, _, port = rest.partition(" ")[2].rpartition(":")
    return Trouble(code, text, remedy, (host or said_by[0], int(port)))
