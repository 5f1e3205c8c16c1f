"""Run the store's scripts on a model of its nodes: Lua 5.1 with only the environment that Redis gives to scripts.

Types are converted as in Redis (https://redis.io/docs/latest/develop/programmability/lua-api/): nil is `false` in Lua,
a number that a script returns is truncated to an integer, and a list ends at its first nil.
"""

import json
from collections.abc import Callable
from typing import Any

from lupa import lua51
from redis.exceptions import ResponseError
from tests.simulation.node import Node, Reply, Status

from switchboard_signaling.valkey.slots import slot_of

HEADER = "#!lua\n"
WITHOUT_KEYS = frozenset({"TIME"})

_SANDBOX = """
local array, call, encode, decode = ...
local function answer(first, ...)
  if first == true then
    return {...}
  end
  return first
end
local given = {
  redis = {call = function(...) return answer(call(...)) end},
  cjson = {encode = encode, decode = decode},
}
local names = 'assert error ipairs math next pairs pcall select string table tonumber tostring type unpack'
for name in names:gmatch('%S+') do
  given[name] = _G[name]
end
setmetatable(given, {
  __index = function(_, name) error("Script attempted to access nonexistent global variable '" .. name .. "'") end,
})
local globals = setmetatable({}, {
  __index = given,
  __newindex = function() error('Attempt to modify a readonly table') end,
})

local function reply(value)
  if type(value) == 'table' and value.ok then
    return value.ok
  elseif type(value) == 'table' then
    local parts, count = {}, 0
    while value[count + 1] ~= nil do
      count = count + 1
      parts[count] = reply(value[count])
    end
    return array(unpack(parts, 1, count))
  elseif type(value) == 'number' then
    return value < 0 and math.ceil(value) or math.floor(value)
  elseif value == true then
    return 1
  end
  return value or nil
end

return function(script, count, ...)
  local all = {...}
  given.KEYS, given.ARGV = {unpack(all, 1, count)}, {unpack(all, count + 1)}
  return reply(script())
end, function(script) return setfenv(script, globals) end
"""


class Scripts:
    """An interpreter, used by one node at a time."""

    def __init__(self) -> None:
        self._lua = lua51.LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
        self._load = self._lua.eval("loadstring")
        self._node: Node | None = None
        self._keys: list[str] = []
        sandbox = self._compile(_SANDBOX)
        self._run, self._enclose = sandbox(lambda *parts: list(parts), self._call, self._encode, self._decode)
        self._compiled: dict[str, Callable[[], Any]] = {}

    def run(self, node: Node, text: str, keys: list[str], arguments: list[str]) -> Reply:
        """Run a script on a node; raises ResponseError where Redis does."""
        script = self._compiled.get(text)
        if script is None:
            if not text.startswith(HEADER):
                raise ResponseError("a script without `#!lua` may touch foreign slots")
            script = self._compiled[text] = self._enclose(self._compile("--" + text))
        self._node, self._keys = node, keys
        try:
            return self._run(script, len(keys), *keys, *arguments)
        except lua51.LuaError as error:
            raise ResponseError(str(error)) from error

    def _compile(self, text: str) -> Callable[..., Any]:
        made = self._load(text)
        if isinstance(made, tuple):
            raise ResponseError(f"Error compiling script: {made[1]}")
        return made  # type: ignore[no-any-return]

    def _call(self, name: str, *given: str | float) -> Any:
        if self._node is None:
            raise ResponseError("no script runs")
        name, words = name.upper(), [one if type(one) is str else f"{one:.17g}" for one in given]
        if name not in WITHOUT_KEYS and words[0] not in self._keys and not self._near(words[0]):
            raise ResponseError("Script attempted to access keys that do not hash to the same slot")
        reply = self._node.call(name, *words)
        if isinstance(reply, list):
            return (True, *[False if part is None else part for part in reply])
        if isinstance(reply, Status):
            return self._lua.table_from({"ok": str(reply)})
        return False if reply is None else reply

    def _near(self, key: str) -> bool:
        """Return whether an undeclared key is in the slot of a declared one."""
        return slot_of(key) in {slot_of(known) for known in self._keys}

    def _encode(self, value: Any) -> str:
        """Encode a list of texts as lua-cjson does: slashes and DEL are escaped, other characters are not."""
        parts = [json.dumps(part, ensure_ascii=False) for part in value.values()]
        text = ",".join(part.replace("/", "\\/").replace("\x7f", "\\u007f") for part in parts)
        return f"[{text}]"

    def _decode(self, text: str) -> Any:
        return self._lua.table_from(json.loads(text, parse_constant=None), recursive=True)
