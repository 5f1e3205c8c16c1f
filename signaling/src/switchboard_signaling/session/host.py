"""What a session needs from its pod."""

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
    """The pod's name, keys, timeouts, ICE servers, limits and source of ids."""

    pod: str
    keyring: Keyring
    timeouts: Timeouts
    ice_servers: Callable[[str], list[IceServer]]
    """Return the ICE servers with credentials for a session id."""
    ice_ttl_ms: Callable[[], int]
    """Return for how many milliseconds these credentials are valid."""
    new_id: Callable[[], str]
    """Return 128 random bits as text."""
    auth_required: bool = False
    """Whether `hello` and `resume` need a JWT."""
    candidates: Rate | None = CANDIDATES
    """Limit of ICE candidates per socket."""
    sdp: Rate | None = SDP
    """Limit of session descriptions per socket."""
    blocked: Callable[[str, str], bool] = _nobody
    """Return whether a subject or a session is blocked."""
    reconnect_attempts: int = RECONNECT_ATTEMPTS
    """Failed attempts after which a client gives up."""
