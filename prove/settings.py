"""Settings of the proofs' servers: no limits per address, since all clients have the same one."""

from typing import Final

UNLIMITED: Final = {
    "AUTH_TYPE": "Anonymous",
    "CONNECTS_PER_SECOND": "0",
    "CANDIDATES_PER_SECOND": "0",
    "SDP_PER_SECOND": "0",
}
"""Settings; names without their prefix."""
