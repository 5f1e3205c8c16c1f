"""What a pod is told for a proof: all clients come from one address, and are as many and as talkative as it takes."""

from typing import Final

OPEN: Final = {
    "AUTH_TYPE": "Anonymous",
    "CONNECTS_PER_SECOND": "0",
    "CANDIDATES_PER_SECOND": "0",
    "SDP_PER_SECOND": "0",
}
"""Settings without their prefix."""
