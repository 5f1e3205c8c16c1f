"""The Lua scripts of the Redis broker. Each touches one hash tag and may be repeated."""

import hashlib
import re
from importlib.resources import files
from typing import Final

INCLUDE: Final = re.compile(r"^--include (\w+)\n", re.MULTILINE)
"""A line that stands for a file of the folder lua/parts/: scripts cannot call each other."""


class Script:
    """One script of the folder lua/, by its name without `.lua`: its text, and the name under which nodes keep it."""

    def __init__(self, name: str) -> None:
        folder = files(__package__) / "lua"
        text = (folder / f"{name}.lua").read_text()
        self.text = INCLUDE.sub(lambda found: (folder / "parts" / f"{found[1]}.lua").read_text(), text)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
