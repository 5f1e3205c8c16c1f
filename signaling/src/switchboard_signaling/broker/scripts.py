"""The Lua scripts of the Redis broker. Each touches one hash tag and may be repeated."""

import hashlib
from importlib.resources import files


class Script:
    """One script of the folder lua/, by its name without `.lua`: its text, and the name under which nodes keep it."""

    def __init__(self, name: str) -> None:
        self.text = (files(__package__) / "lua" / f"{name}.lua").read_text()
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
