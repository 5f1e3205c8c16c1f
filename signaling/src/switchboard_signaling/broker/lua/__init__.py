"""The broker's Lua scripts. `LUA` is their folder; `parts/` holds what several of them include."""

from importlib.resources import files
from typing import Final

LUA: Final = files(__name__)
