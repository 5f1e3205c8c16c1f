"""What a session needs of the pod it is on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from switchboard_signaling.session.limits import CANDIDATES_PER_SECOND, SDP_PER_SECOND, Rate, rate
from switchboard_signaling.wire.messages import RECONNECT_ATTEMPTS, IceServer, Timeouts
from switchboard_signaling.wire.tokens import Keyring

CANDIDATES: Final = rate(CANDIDATES_PER_SECOND)
SDP: Final = rate(SDP_PER_SECOND)


def _nobody(_sub: str, _sid: str) -> bool:
    return False


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
    auth_required: bool = False
    """Whether `hello` and `resume` need a JWT."""
    candidates: Rate | None = CANDIDATES
    """How many ICE candidates a socket may send."""
    sdp: Rate | None = SDP
    """How many session descriptions a socket may send."""
    blocked: Callable[[str, str], bool] = _nobody
    """Whether a subject, or a session, is kept out."""
    reconnect_attempts: int = RECONNECT_ATTEMPTS
    """Sockets that a client tries in vain before it gives up."""
