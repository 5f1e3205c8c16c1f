"""What a session needs of the pod it is on."""

from collections.abc import Callable
from dataclasses import dataclass

from switchboard_signaling.protocol.messages import IceServer, Timeouts
from switchboard_signaling.protocol.tokens import Keyring


@dataclass(frozen=True)
class Host:
    """The pod: its name, its keys, its ICE servers and its source of ids."""

    pod: str
    keyring: Keyring
    timeouts: Timeouts
    ice_servers: Callable[[str], list[IceServer]]
    """ICE servers with credentials for a session id."""
    ice_ttl_ms: Callable[[], int]
    """How many milliseconds they may be relied upon."""
    new_id: Callable[[], str]
    """128 random bits as text."""
