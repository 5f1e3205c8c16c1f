"""The directory of TURN servers, for a signaling server that runs without an operator."""

import json
from pathlib import Path

TTL_SECONDS = 600


def ice_directory(file: Path, secret: str, *urls: str) -> dict[str, str]:
    """Write a directory of TURN servers with a shared secret; return the setting with its path."""
    auth = {"type": "hmac", "secret": secret, "ttlSeconds": TTL_SECONDS}
    servers = [{"urls": [url], "auth": auth} for url in urls]
    file.write_text(json.dumps({"version": 1, "servers": servers}))
    return {"ICE_DIRECTORY": str(file)}
