"""Lua scripts, as nodes run them. Each script touches one hash tag and may be repeated."""

import hashlib
import re
from importlib.resources.abc import Traversable
from typing import Final

INCLUDE: Final = re.compile(r"^--include (\w+)\n", re.MULTILINE)
"""A line that stands for a file of the folder parts/ beside the script: scripts cannot call each other."""


class Script:
    """One script of a folder, by its name without `.lua`: its text, and the digest by which nodes know it."""

    def __init__(self, folder: Traversable, name: str) -> None:
        text = (folder / f"{name}.lua").read_text()
        self.text = INCLUDE.sub(lambda found: (folder / "parts" / f"{found[1]}.lua").read_text(), text)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
