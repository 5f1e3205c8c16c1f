"""Events that wait to be delivered at least once: the reference model that a store's scripts agree with. Pure.

An event is known by its id: put twice, it waits once, and not again for a while after it was delivered. Whoever takes
it has a lease; if that runs out, the next one takes it.
"""

from dataclasses import dataclass
from typing import Final

from msgspec import Struct

MAX_EVENTS: Final = 10_000
"""Events that may wait; beyond, new ones are refused."""
DONE_SECONDS: Final = 24 * 3600
"""For how long the id of a delivered event is remembered."""


class Event(Struct, frozen=True):
    """Something that happened, as JSON; `tries`: how often it was taken to be delivered, this time included."""

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
        """Keep an event that is not known yet; False if there is no room for it."""
        if self._done.get(event.id, now) > now or event.id in self._waiting:
            return True
        if len(self._waiting) >= MAX_EVENTS:
            return False
        self._waiting[event.id] = _Waiting(event, now)
        return True

    def take(self, lease: float, count: int, now: float) -> list[Event]:
        """Return events that are due, the longest due first, for the taker alone until its lease is over."""
        due = sorted((one for one in self._waiting.values() if one.due <= now), key=lambda one: (one.due, one.event.id))
        for one in due[:count]:
            one.event = Event(one.event.id, one.event.body, one.event.tries + 1)
            one.due = now + lease
        return [one.event for one in due[:count]]

    def settle(self, id: str, again: float | None, now: float) -> None:  # noqa: A002 - the field's name
        """Forget a delivered event, or have it tried again in some seconds."""
        waiting = self._waiting.get(id)
        if again is not None:
            if waiting:
                waiting.due = now + again
            return
        self._waiting.pop(id, None)
        self._done = {done: until for done, until in self._done.items() if until > now}
        self._done[id] = now + DONE_SECONDS
