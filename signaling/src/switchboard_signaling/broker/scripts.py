"""The Lua scripts of the Redis broker. Each touches one hash tag and may be repeated."""

import hashlib
from collections.abc import Awaitable
from importlib.resources import files
from typing import Any, Final, TypeAlias, TypeVar

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

STORE_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a store that cannot serve looks like; RedisClusterException is not a RedisError."""

Client: TypeAlias = "Redis | RedisCluster"
T = TypeVar("T")


class SlotsUnknownError(ConnectionError):
    """The client's table of slots does not say who serves the key; it has to be read anew, which no client does."""


async def of_store(work: Awaitable[T]) -> T:
    """Await a call of the store's client; all that it fails with is one of STORE_ERRORS.

    When redis-py learns a cluster anew it closes connections that other tasks write to just then. They fail with
    uvloop's RuntimeError or an AttributeError of redis-py's own. For us each is a store that is away for a moment.
    Raises SlotsUnknownError for a slot that its table lacks (KeyError, SlotNotCoveredError), for a table without a
    primary (IndexError), and where no node that it knows answers (RedisClusterException).
    """
    try:
        return await work
    except (LookupError, RedisClusterException) as error:
        raise SlotsUnknownError(f"{type(error).__name__}: {error}") from error
    except STORE_ERRORS:
        raise
    except Exception as error:
        raise ConnectionResetError(repr(error)) from error


class Script:
    """One script of the folder lua/, by its name without `.lua`."""

    def __init__(self, name: str) -> None:
        self._text = (files(__package__) / "lua" / f"{name}.lua").read_text()
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: list[str], arguments: list[str | int | float]) -> Any:
        """Run the script; to be awaited through `of_store`."""
        try:
            return await client.evalsha(self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            # A node that was restarted, or has just become the slot's owner, does not know it yet.
            return await client.eval(self._text, len(keys), *keys, *arguments)
