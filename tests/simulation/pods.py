"""Pods: the shipped Hub and Session; sockets, the queue of questions and the shell's loops are simulated."""

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from tests.simulation.store import ReadMail, Unanswered
from tests.simulation.world import TIMEOUTS, Process, World

from switchboard_signaling.broker.hints import channel_of
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.server.sockets import hub
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import Ask, Attach, Close, Effect, Record, Send, SendHint
from switchboard_signaling.session.hints import Hint, Proposed, Relay
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.records import Question, Reply
from switchboard_signaling.wire import errors, messages

if TYPE_CHECKING:
    from tests.simulation.pages import Page

MAIL_SECONDS = hub.MAILBOX_SECONDS


class Later:
    """An awaitable: the coroutine continues when it is settled."""

    def __init__(self) -> None:
        self.settle: Callable[[object], None] = lambda _value: None

    def __await__(self) -> Generator["Later", object, object]:
        return (yield self)


def drive(work: Coroutine[Any, Any, object], value: object = None) -> None:
    """Run a coroutine of the shell until it awaits a Later, and continue when that is settled."""
    try:
        waits = work.send(value)
    except StopIteration:
        return
    waits.settle = lambda result: drive(work, result)


class Link:
    """A socket with two directions, each in order, until it is cut."""

    def __init__(self, page: "Page", pod: "Pod") -> None:
        self.page, self.pod, self.world = page, pod, page.world
        self.connection: Connection | None = None
        self.open = True
        self.received_at = self.world.now
        self.fuse: int | None = None
        self._free_at = {"up": 0.0, "down": 0.0}

    def send(self, up: bool, data: bytes) -> None:
        """Carry a frame; a fuse that has run out cuts the link instead."""
        if not self.open:
            return
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.cut()
                return
        self._carry(up, lambda: self._arrive(up, data))

    def close(self, code: int) -> None:
        """Close the socket from the pod."""
        self._carry(False, lambda: self._closed(code))
        if self.connection:
            self.connection.gone(code)

    def cut(self, page_notices: float | None = None, pod_notices: float | None = None) -> None:
        """Lose the socket and the frames in flight; each end notices after a while, or only by the silence."""
        if not self.open:
            return
        self.open = False
        chance = self.world.random
        for process, notice in ((self.page, self._noticed_by_page), (self.pod, self._noticed_by_pod)):
            if chance.random() < 0.75:
                self.world.at(chance.choice((0.0, chance.uniform(0, 3))), process, notice)

    def _carry(self, up: bool, work: Callable[[], None]) -> None:
        way = "up" if up else "down"
        when = max(self._free_at[way], self.world.now + self.world.latency())
        self._free_at[way] = when
        self.world.at(when - self.world.now, self.pod if up else self.page, work)

    def _arrive(self, up: bool, data: bytes) -> None:
        if not self.open:
            return
        if up and self.connection:
            self.connection.receive(data)
        elif not up:
            self.received_at = self.world.now
            self.page.receive(self, messages.decode_server(data))

    def _closed(self, code: int) -> None:
        if self.open:
            self.open = False
            self.page.lost(self, code)

    def _noticed_by_page(self) -> None:
        self.page.lost(self, 1006)

    def _noticed_by_pod(self) -> None:
        if self.connection:
            self.connection.gone(1006)


class Connection:
    """Perform the effects of one session, as server/sockets/connection.py does."""

    def __init__(self, pod: "Pod", link: Link) -> None:
        self.pod, self.link = pod, link
        self.session = Session(pod.host, pod.world.now)
        self.closed = False
        self._end = Later()
        self._questions: deque[Question] = deque()
        self._asking = False

    async def run(self) -> int | None:
        code = await self._end
        self.perform(self.session.closed())
        self.closed = True
        return code  # type: ignore[return-value]

    def gone(self, code: int) -> None:
        """Note that the socket is closed."""
        if not self.closed:
            self._end.settle(code)

    def receive(self, data: bytes) -> None:
        if not self.closed:
            frame = messages.decode_client(data)
            self.change(lambda now: self._take(frame, now))

    def _take(self, frame: messages.ClientFrame, now: float) -> list[Effect]:
        effects = self.session.receive(frame, now)
        self.pod.world.watch.received(self.session.session_id, self.session.socket_number, self.pod.name)
        return effects

    def change(self, decide: Callable[[float], list[Effect]]) -> None:
        if not self.closed:
            self.perform(decide(self.pod.world.now))

    def deliver(self, relay: Relay) -> None:
        self.change(lambda now: self.session.deliver(relay, now))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame=frame):
                    self.pod.world.watch.delivers(self.session.session_id, self.session.socket_number, frame)
                    self.link.send(False, messages.encode(frame))
                case SendHint(pod=pod, hint=hint):
                    self.pod.hub.send_hint(pod, hint)
                case Ask(question=question):
                    self._questions.append(question)
                    self._ask()
                case Attach(socket_number=socket_number):
                    self.pod.hub.attach(self, socket_number)  # type: ignore[arg-type]
                case Close(code=code):
                    self.link.close(code.code)
                case Record(fact=fact):
                    self.pod.hub.record(self.session, fact)

    def _ask(self) -> None:
        if self._asking or self.closed or not self._questions:
            return
        self._asking = True
        question = self._questions.popleft()
        self.pod.world.store.ask(self.pod, self.pod.name, question, lambda reply: self._answered(question, reply))

    def _answered(self, question: Question, reply: Any) -> None:
        self._asking = False
        if reply is Unanswered:
            self.change(lambda _now: self.session.unanswered(question))
        else:
            self.change(lambda now: self.session.answered(question, reply, now))
        self._ask()


class _Hub(hub.Hub):
    """The shipped hub, whose mailbox the simulated pod reads."""

    pod: "Pod"

    def hinted(self, hint: Hint) -> None:
        super().hinted(hint)
        if isinstance(hint, Proposed):
            self.pod.read_mail()


class Broker:
    """One pod's access to the store and to hints."""

    durable, deaf = True, False

    def __init__(self, pod: "Pod") -> None:
        self._pod = pod

    async def ask(self, question: Question) -> Reply:
        reply = Later()
        self._pod.world.store.ask(self._pod, self._pod.name, question, lambda value: reply.settle(value))
        result: Any = await reply
        if result is Unanswered:
            raise BrokerUnavailableError
        return result  # type: ignore[no-any-return]

    def send_hint(self, pod: str, hint: Hint) -> None:
        self._pod.world.store.send_hint(self._pod.name, pod, hint)


class Pod(Process):
    """One run of a signaling pod."""

    def __init__(self, world: World, name: str, pods: dict[str, "Pod"]) -> None:
        super().__init__(world)
        self.name, self.pods = name, pods
        self.clock_step = 0.0
        self.draining = False
        keyring = world.keyring(lambda: self.clock_step)
        self.host = Host(name, keyring, TIMEOUTS, lambda _sid: [], lambda: 0, world.new_id)
        self.hub = _Hub(self.host, Broker(self), Metrics(), 1000)
        self.hub.pod = self
        self._reading = False
        self.connections: list[Connection] = []
        pods[name] = self
        world.store.subscribers[channel_of(name)] = lambda hint: world.at(
            world.latency(), self, lambda: self.hub.hinted(hint)
        )
        self._every(hub.TICK_SECONDS, self._tick)
        self._every(MAIL_SECONDS, self.read_mail)

    def accept(self, link: Link) -> None:
        link.connection = Connection(self, link)
        self.connections.append(link.connection)
        drive(self._serve(link.connection))
        if self.draining:
            self._advise(link.connection)

    async def _serve(self, connection: Any) -> None:
        self.hub.opened(connection)
        self.hub.closed(connection, await connection.run())

    def kill(self) -> None:
        """Die at once; the machine resets its sockets, or is lost with them."""
        self.dead = True
        for connection in self.connections:
            connection.link.cut()

    def drain(self, within: float) -> None:
        """Drain as after SIGTERM."""
        self.draining = True
        for connection in self.connections:
            self._advise(connection)
        self.world.at(within, self, self._stop)

    def _advise(self, connection: Connection) -> None:
        connection.perform([Send(messages.Goaway(within_ms=2000))])

    def _stop(self) -> None:
        for connection in self.connections:
            connection.link.close(errors.GOING_AWAY.code)
        self.dead = True

    def read_mail(self) -> None:
        """Read the mailbox, one read at a time."""
        if not self._reading:
            self._reading = True
            self.world.store.ask(self, self.name, ReadMail(self.name), self._got_mail)

    def _got_mail(self, proposals: Any) -> None:
        drive(self._announce([] if proposals is Unanswered else proposals))

    async def _announce(self, proposals: list[Any]) -> None:
        try:
            for proposal in proposals:
                await self.hub._announce(proposal)
        except BrokerUnavailableError:
            pass  # the next read finds the rest
        finally:
            self._reading = False

    def _tick(self) -> None:
        self.connections = [one for one in self.connections if not one.closed]
        for connection in self.connections:
            connection.change(connection.session.tick)

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        def again() -> None:
            work()
            self.world.at(seconds, self, again)

        self.world.at(self.world.random.uniform(0, seconds), self, again)
