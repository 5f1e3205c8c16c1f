"""Events waiting for at-least-once delivery: the reference model of the store's scripts. Pure.

Events are deduplicated by id while they wait, and for some time after their delivery. Taking an event leases it; after
the lease expires, it can be taken again.
"""

from dataclasses import dataclass
from typing import Final

from msgspec import Struct

MAX_EVENTS: Final = 10_000
"""Maximum number of waiting events; further ones are refused."""
DONE_SECONDS: Final = 24 * 3600
"""How long the id of a delivered event is remembered."""


class Event(Struct, frozen=True):
    """An event as JSON; `tries`: how often it was taken for delivery, including this time."""

    id: str
    body: str
    tries: int = 0


@dataclass
class _Waiting:
    event: Event
    due: float


class Outbox:
    """The events of one pool; times in seconds."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._done: dict[str, float] = {}

    def put(self, event: Event, now: float) -> bool:
        """Add an event unless its id is known; False if there is no room."""
        if self._done.get(event.id, now) > now or event.id in self._waiting:
            return True
        if len(self._waiting) >= MAX_EVENTS:
            return False
        self._waiting[event.id] = _Waiting(event, now)
        return True

    def take(self, lease: float, count: int, now: float) -> list[Event]:
        """Return due events, the longest due first, leased to the caller for `lease` seconds."""
        due = sorted((one for one in self._waiting.values() if one.due <= now), key=lambda one: (one.due, one.event.id))
        for one in due[:count]:
            one.event = Event(one.event.id, one.event.body, one.event.tries + 1)
            one.due = now + lease
        return [one.event for one in due[:count]]

    def settle(self, id: str, again: float | None, now: float) -> None:  # noqa: A002 - the field's name
        """Remove a delivered event, or make it due again in `again` seconds."""
        waiting = self._waiting.get(id)
        if again is not None:
            if waiting:
                waiting.due = now + again
            return
        self._waiting.pop(id, None)
        self._done = {done: until for done, until in self._done.items() if until > now}
        self._done[id] = now + DONE_SECONDS
