"""Lua scripts for the nodes. Each script uses the keys of one hash tag and is idempotent."""

import hashlib
import re
from importlib.resources.abc import Traversable
from typing import Final

INCLUDE: Final = re.compile(r"^--include (\w+)\n", re.MULTILINE)
"""A line that is replaced by a file of the folder parts/ beside the script, because scripts cannot call each other."""


class Script:
    """A script of a folder, named without `.lua`: its text, and the digest that EVALSHA takes."""

    def __init__(self, folder: Traversable, name: str) -> None:
        text = (folder / f"{name}.lua").read_text()
        self.text = INCLUDE.sub(lambda found: (folder / "parts" / f"{found[1]}.lua").read_text(), text)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
