"""Sockets, pods and a store in one process with a manual clock: sessions run on it as under the server."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from switchboard_signaling.matching.queue import MatchQueue
from switchboard_signaling.session.admission import VerifiedJwt
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import Ask, Attach, Close, Effect, Limited, Send, SendHint, Suspect, Verify
from switchboard_signaling.session.hints import Hint, Proposed
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    Reply,
    SessionRecord,
    TouchMatch,
    TouchSession,
    apply_end,
    apply_session,
    apply_touch,
)
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.errors import CloseCode, ProtocolError
from switchboard_signaling.wire.intents import Idle, Intent, Matched
from switchboard_signaling.wire.tokens import Keyring

F = TypeVar("F", bound=messages.ServerFrame)
TIMEOUTS = messages.Timeouts(5000, 30000, 60000)
ICE = [messages.IceServer(["stun:stun.example:3478"])]


@dataclass
class Store:
    """The store's semantics without a network; `down` makes it silent."""

    now: Callable[[], float]
    down: bool = False
    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    matches: dict[str, MatchRecord] = field(default_factory=dict)
    queue: MatchQueue = field(default_factory=MatchQueue)

    def ask(self, question: Question) -> Reply:
        match question:
            case TouchSession():
                answer = apply_session(self.sessions.get(question.session_id), question)
                self.sessions[question.session_id] = answer.record
                return answer
            case Enqueue():
                return self.queue.enqueue(question.ticket, question.match_id, question.dead, self.now())
            case Cancel():
                return self.queue.cancel(question.ticket, self.now())
            case Announced():
                return self.queue.announced(question.pod, question.ticket)
        record = self.matches.get(question.match_id, MatchRecord(question.match_id))
        if isinstance(question, TouchMatch):
            record = apply_touch(record, question)
        elif isinstance(question, EndMatch):
            record = apply_end(record, question)
        self.matches[question.match_id] = record
        return record

    def wipe(self) -> None:
        self.sessions, self.matches, self.queue = {}, {}, MatchQueue()


@dataclass
class ClientSocket:
    """A client's socket on a pod: the frames sent to the client, and the close code."""

    world: "World"
    session: Session
    pod: str
    instance: str
    frames: list[messages.ServerFrame] = field(default_factory=list)
    closed: CloseCode | None = None

    def send(self, frame: messages.ClientFrame) -> None:
        self.world.perform(self, self.session.receive(frame, self.world.now))

    def take(self, kind: type[F]) -> F:
        """Return and remove the oldest frame of a kind; fails if there is none."""
        for index, frame in enumerate(self.frames):
            if isinstance(frame, kind):
                del self.frames[index]
                return frame
        raise AssertionError(f"no {kind.__name__} in {self.frames}")

    def has(self, kind: type[messages.ServerFrame]) -> bool:
        return any(isinstance(frame, kind) for frame in self.frames)

    def error(self) -> str:
        return self.take(messages.ErrorFrame).code

    def name(self, match_id: str, revision: int = 1, token: str | None = None) -> None:
        """Name the match in the client's intent."""
        self.send(messages.Heartbeat(intent=Matched(revision, match_id, token)))

    def drop(self) -> None:
        self.world.attached.pop((self.pod, self.session.session_id), None)
        self.world.perform(self, self.session.closed())


def offer(match_id: str, sender: ClientSocket, receiver: ClientSocket, seq: int = 1) -> messages.Offer:
    """Return a valid offer from one client to the other."""
    return messages.Offer(match_id=match_id, from_=sender.instance, to=receiver.instance, seq=seq, sdp="v=0")


class World:
    """Everything that sessions need; time passes only in `pass_time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._ids = (f"id{number:03}" for number in count())
        self.store = Store(lambda: self.now)
        self.keyring = Keyring({"current": b"k" * 16}, lambda: self.now)
        self.attached: dict[tuple[str, str], ClientSocket] = {}
        self.lose_hints = False
        self.auth_required = False
        self.suspects = 0
        self.limited: list[str] = []
        self.blocked: set[str] = set()
        """Blocked subjects and sessions."""

    def host(self, pod: str) -> Host:
        return Host(
            pod, self.keyring, TIMEOUTS, lambda _sid: ICE, lambda: 3_600_000, lambda: next(self._ids),
            auth_required=self.auth_required, blocked=lambda *names: not self.blocked.isdisjoint(names),
        )  # fmt: skip

    def socket(self, pod: str = "pod-a", instance: str | None = None) -> ClientSocket:
        """Open a socket without a first frame."""
        return ClientSocket(self, Session(self.host(pod), self.now), pod, instance or next(self._ids))

    def hello(
        self, pod: str = "pod-a", intent: Intent = Idle(), auth: str | None = None  # noqa: B008 - immutable
    ) -> ClientSocket:  # fmt: skip
        """Open a socket with a new session."""
        wire = self.socket(pod)
        wire.send(messages.Hello(socket_number=1, instance=wire.instance, intent=intent, auth=auth))
        return wire

    def resume(
        self,
        token: str,
        socket_number: int,
        intent: Intent,
        pod: str = "pod-a",
        instance: str | None = None,
        auth: str | None = None,
    ) -> ClientSocket:
        """Open a socket that continues a session."""
        wire = self.socket(pod, instance)
        wire.send(
            messages.Resume(token=token, socket_number=socket_number, instance=wire.instance, intent=intent, auth=auth)
        )
        return wire

    def pair(
        self, pods: tuple[str, str] = ("pod-a", "pod-b"), opened: bool = True
    ) -> tuple[ClientSocket, ClientSocket, str]:
        """Match two clients; `opened`: both have entered the match."""
        one, two = self.hello(pods[0]), self.hello(pods[1])
        one.send(messages.JoinQueue(revision=1, ticket="t-one"))
        two.send(messages.JoinQueue(revision=1, ticket="t-two"))
        match_id = one.take(messages.MatchFound).match_id
        assert two.take(messages.MatchFound).match_id == match_id
        if opened:
            for wire in (one, two):
                wire.name(match_id)
            assert [wire.take(messages.MatchFound).state for wire in (one, two)] == ["open", "open"]
        return one, two, match_id

    def perform(self, wire: ClientSocket, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame=frame):
                    wire.frames.append(frame)
                case Close(code=code):
                    wire.closed = code
                case Verify() | Suspect() | Limited():
                    self.guard(wire, effect)
                case Attach(session_id=session_id):
                    self.attached[wire.pod, session_id] = wire
                case Ask(question=question) if self.store.down:
                    self.perform(wire, wire.session.unanswered(question))
                case Ask(question=question):
                    self.perform(wire, wire.session.answered(question, self.store.ask(question), self.now))
                case SendHint(pod=pod, hint=hint) if not self.lose_hints:
                    self.hint(pod, hint)

    def guard(self, wire: ClientSocket, effect: Verify | Suspect | Limited) -> None:
        match effect:
            case Verify(token=token):
                self.perform(wire, wire.session.verified(self.verify(token), self.now))
            case Suspect():
                self.suspects += 1
            case Limited(limit=limit):
                self.limited.append(limit)

    def verify(self, token: str) -> VerifiedJwt | ProtocolError:
        """Verify a JWT of this world: a subject and seconds, as in `ada 300`; anything else is invalid."""
        sub, _, seconds = token.partition(" ")
        if not seconds:
            return errors.AUTH_INVALID.because("it is malformed")
        return VerifiedJwt(sub, int(self.now + float(seconds)), float(seconds))

    def hint(self, pod: str, hint: Hint) -> None:
        if isinstance(hint, Proposed):
            self.read_mail(pod)
        elif (pod, hint.session_id) in self.attached:
            wire = self.attached[pod, hint.session_id]
            self.perform(wire, wire.session.hinted(hint, self.now))

    def read_mail(self, pod: str) -> None:
        for proposal in self.store.queue.proposals(pod):
            for ticket in (proposal.a, proposal.b):
                if (pod, ticket.session_id) in self.attached:
                    wire = self.attached[pod, ticket.session_id]
                    self.perform(wire, wire.session.proposed(proposal, self.now))

    def pass_time(self, seconds: float, *alive: ClientSocket) -> None:
        """Pass time in ticks of one second; the clients of `alive` answer each heartbeat with their intent."""
        for _ in range(int(seconds)):
            self.now += 1
            for pod in {wire.pod for wire in self.attached.values()}:
                self.store.queue.beat(pod, self.now)
            for wire in list(self.attached.values()):
                if wire.closed is None:
                    self.perform(wire, wire.session.tick(self.now))
            for wire in alive:
                while wire.has(messages.ServerHeartbeat):
                    wire.take(messages.ServerHeartbeat)
                    wire.send(messages.Heartbeat(intent=wire.session.intent))
