"""The store as pods reach it: behind a network that delays and repeats questions, or cuts the store off."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tests.simulation.cluster import Cluster, Shard, at_once
from tests.simulation.node import Node

from switchboard_signaling.broker.hints import channel_of
from switchboard_signaling.broker.interface import Broker, BrokerUnavailableError
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.session.hints import Hint, decode_hint, encode_hint
from switchboard_signaling.session.records import EndMatch, MatchRecord, Question, SessionRecord, TouchMatch
from switchboard_signaling.valkey.errors import ValkeyUnavailableError

if TYPE_CHECKING:
    from tests.simulation.world import Process, World

ASK_SECONDS = 3.0


@dataclass(frozen=True)
class ReadMail:
    """A pod reads its mailbox, which is also its heartbeat."""

    pod: str


class Unanswered:
    """Marks a missing reply."""


class Backend(Protocol):
    """A store and its contents."""

    def broker(self, pod: str) -> Broker: ...
    def session(self, session_id: str) -> SessionRecord | None: ...
    def match(self, match_id: str, pod: str | None = None) -> MatchRecord | None: ...
    def matched(self, ticket: str) -> bool: ...
    def tickets(self) -> dict[str, Ticket]: ...


class Alone:
    """The memory of a single pod without a store; it ends with the pod."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._brokers: dict[str, MemoryBroker] = {}

    def broker(self, pod: str) -> MemoryBroker:
        if pod not in self._brokers:
            self._brokers[pod] = MemoryBroker(pod, self._clock)
        return self._brokers[pod]

    @property
    def _newest(self) -> MemoryBroker:
        return list(self._brokers.values())[-1]

    def session(self, session_id: str) -> SessionRecord | None:
        return self._newest._sessions.get(session_id)

    def match(self, match_id: str, pod: str | None = None) -> MatchRecord | None:
        broker = self.broker(pod) if pod else self._newest
        return broker._matches.get(match_id)

    def matched(self, ticket: str) -> bool:
        return ticket in self._newest._queues[0].matched

    def tickets(self) -> dict[str, Ticket]:
        return self._newest._queues[0].tickets


class Store:
    """The store's replies, as pods receive them."""

    def __init__(self, world: "World", alone: bool) -> None:
        self.world, self.alone = world, alone
        self.cluster = Cluster(lambda: world.now, self._publish, world.random)
        self.backend: Backend = Alone(lambda: world.now) if alone else self.cluster
        self.subscribers: dict[str, Callable[[Hint], None]] = {}
        """The receiver of each pod's hints, by channel."""
        self.doubling = self.held = 0.0
        self.hints_lost = self.hints_doubled = 0.0

    def ask(self, pod: "Process", name: str, question: Question | ReadMail, then: Callable[[object], None]) -> None:
        """Ask a question of the pod `name`; `then` receives the reply, or `Unanswered`."""
        self.world.watch.asked(name, question)
        self.world.at(self._latency(), None, lambda: self._arrive(pod, name, question, then))

    def _latency(self) -> float:
        return 0.0 if self.alone else self.world.latency()

    def _arrive(self, pod: "Process", name: str, question: Question | ReadMail, then: Callable[[object], None]) -> None:
        world = self.world
        if self.alone and pod.dead:
            return
        try:
            reply = self._apply(name, question)
        except BrokerUnavailableError as error:
            self.world.watch.unavailable(error, excused=self.cluster.away)
            if world.random.random() < self.held:
                # Questions held by a broken connection are carried out after the outage.
                world.at(world.random.uniform(0, 20), None, lambda: self._late(name, question))
            refused = world.random.random() < 0.5
            world.at(world.latency() if refused else ASK_SECONDS, pod, lambda: then(Unanswered))
            return
        if world.random.random() < self.doubling:
            # The store's client repeats an unanswered question; the first attempt may still arrive later.
            world.at(world.random.choice((0.0, world.random.uniform(0, 3))), None, lambda: self._late(name, question))
        lost = world.random.random() < self.doubling
        world.at(ASK_SECONDS if lost else self._latency(), pod, lambda: then(Unanswered if lost else reply))

    def _late(self, name: str, question: Question | ReadMail) -> None:
        with suppress(BrokerUnavailableError):  # no caller waits for it
            self._apply(name, question)

    def _apply(self, name: str, question: Question | ReadMail) -> object:
        broker = self.backend.broker(name)
        before = self.backend.match(question.match_id, name) if isinstance(question, TouchMatch | EndMatch) else None
        reply = at_once(broker.proposals() if isinstance(question, ReadMail) else broker.ask(question))
        self.world.watch.stored(question, before, reply)
        return reply

    # Hints

    def send_hint(self, name: str, pod: str, hint: Hint) -> None:
        """Publish a hint from the pod `name` to another one."""
        world = self.world
        if self.alone or world.random.random() < self.hints_lost:
            return
        text = encode_hint(hint).decode()
        late = world.random.uniform(0, 4) if world.random.random() < self.hints_doubled else 0
        for after in (0.0, late) if late else (0.0,):
            world.at(world.latency() + after, None, lambda: self._publish_from(name, channel_of(pod), text))

    def _publish_from(self, name: str, channel: str, text: str) -> None:
        with suppress(ValkeyUnavailableError):  # a hint may be lost
            at_once(self.cluster.client(name).call(channel, "SPUBLISH", channel, text))

    def _publish(self, channel: str, text: str) -> None:
        receive = self.subscribers.get(channel)
        if receive is not None:
            receive(decode_hint(text.encode()))

    # Faults

    def _some(self, which: int) -> list[int]:
        """Return the numbers of the affected shards: one, or all."""
        shards = range(len(self.cluster.shards))
        return [which] if which in shards else list(shards)

    def wipe(self, which: int) -> None:
        """Delete all data, as a restart without persistence does."""
        for number in self._some(which):
            self.cluster.shards[number].node.clear()
        self.world.watch.forgotten()

    def fail_over(self, which: int, tail: float, gap: float, split: float) -> None:
        """Fail over, after a gap, to replicas that lack the writes of the next `tail` seconds."""
        for number in self._some(which):
            shard = self.cluster.shards[number]
            replica = shard.node.replica()

            self.world.at(tail, None, partial(self._promote, shard, replica, gap, split))

    def _promote(self, shard: Shard, replica: Node, gap: float, split: float) -> None:
        shard.follow(replica, gap, split)
        self.world.watch.forgotten(split)

    def go_away(self, which: int, seconds: float) -> None:
        """Be unavailable for a while."""
        for number in self._some(which):
            self.cluster.shards[number].go_away(seconds)
        self.held = self.world.random.choice((0.0, 0.3))

    def step_clock(self, which: int, seconds: float) -> None:
        """Set the clock off by some more seconds."""
        for number in self._some(which):
            self.cluster.shards[number].node.step += seconds
        if abs(seconds) > 1000:
            self.world.watch.forgotten()
