"""The pool's token keys, from a mounted Secret."""

import secrets
from pathlib import Path

MIN_KEY_BYTES = 16


class KeysError(Exception):
    """The folder of keys cannot be used; the message names the file and the remedy."""


def token_keys(folder: Path | None) -> dict[str, bytes]:
    """Return the keys by file name; a random one, which dies with the process, if there is no folder.

    Files that begin with a dot are Kubernetes' own bookkeeping of a mounted Secret. Raises KeysError.
    """
    if folder is None:
        return {"current": secrets.token_bytes(32)}
    try:
        keys = {file.name: file.read_bytes().strip() for file in folder.iterdir() if not file.name.startswith(".")}
    except OSError as error:
        raise KeysError(f"the token keys in {folder} cannot be read: {error.strerror}") from error
    if not keys:
        raise KeysError(f"{folder} has no token key; put one of {MIN_KEY_BYTES} bytes or more in a file there")
    for name, key in keys.items():
        if len(key) < MIN_KEY_BYTES:
            raise KeysError(f"the token key {folder / name} is shorter than {MIN_KEY_BYTES} bytes")
    return keys
