"""Page loads and their users: the shipped ClientSession in a simulated shell."""

from tests.simulation.pods import Link, Pod
from tests.simulation.world import Process, World

from switchboard_signaling.client.core import (
    ClientProblem,
    ClientSession,
    Ended,
    MatchReady,
    Move,
    Output,
    Stopped,
    Transmit,
)
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued
from switchboard_signaling.wire.messages import Chat, Offer

TICK_SECONDS = 0.25
CONNECT_SECONDS = 5.0
NEVER = frozenset(code.code for code in errors.CLOSE_CODES if code.reaction == "stop")


class Page(Process):
    """One page load, which connects as client/connection.py does."""

    def __init__(self, user: "User", before: ClientSession | None = None) -> None:
        super().__init__(user.world)
        self.user = user
        self.session = ClientSession(self.world.new_id)
        # A tab that has been open for long has a high number, which is about to get more digits.
        self.session.socket_number = self.world.random.choice((0, 0, 8, 98))
        if before is not None:  # the content of sessionStorage
            for name in ("socket_number", "session_id", "token", "intent", "_ticket"):
                setattr(self.session, name, getattr(before, name))
        self.link: Link | None = None
        self.welcomed = self.stopped = False
        self.shown: str | None = None
        self.offline_until = 0.0
        self._attempts = 0
        self._dialing: Link | None = None
        self.links: list[Link] = []
        self.world.at(self.world.random.uniform(0, TICK_SECONDS), self, self._tick)
        self.dial()

    @property
    def step(self) -> str:
        """This page's progress, at which faults are aimed."""
        if not self.welcomed:
            if self.link is None:
                return "dialing" if self._dialing else "offline"
            return "resuming" if self.session.token else "greeting"
        if self._dialing is not None:
            return "moving"
        intent, store = self.session.intent, self.world.store.backend
        match intent:
            case Idle():
                return "idle"
            case Queued(queue_token=None):
                return "joining"
            case Queued(ticket=ticket):
                return "proposed" if store.matched(f"{self.session.session_id}/{ticket}") else "queued"
        if self.shown:
            return "speaking" if self.speaking else "met"
        record = store.match(intent.match_id)
        return "opening" if record is not None and record.outcome == "open" else "entering"

    @property
    def speaking(self) -> bool:
        """Whether a frame to the peer is unacknowledged."""
        match = self.session._match
        return match is not None and bool(match.sending._frames)

    # Sockets

    def dial(self) -> None:
        """Open another socket."""
        if self.stopped or self._dialing is not None:
            return
        pod = self.user.choose_pod() if self.offline_until <= self.world.now else None
        if pod is None:
            self._retry()
            return
        link = self._dialing = Link(self, pod)
        self.world.at(self.world.latency(), pod, lambda: self._accepted(link))
        self.world.at(CONNECT_SECONDS, self, lambda: self._too_late(link))

    def _accepted(self, link: Link) -> None:
        if link.open:
            link.pod.accept(link)
            self.world.at(self.world.latency(), self, lambda: self._connected(link))

    def _connected(self, link: Link) -> None:
        if self._dialing is not link or not link.open:
            return
        if self.stopped:
            link.cut()
            return
        self._dialing, self._attempts = None, 0
        self.link, self.welcomed = link, False
        self.links = [one for one in self.links if one.open] + [link]
        link.received_at = self.world.now
        link.send(True, messages.encode(self.session.greet()))

    def _too_late(self, link: Link) -> None:
        if self._dialing is link:
            self._dialing = None
            link.cut()
            self._retry()

    def _retry(self) -> None:
        self._attempts += 1
        self.world.at(self.world.random.uniform(0, min(0.1 * 2**self._attempts, 5)), self, self.dial)

    def lost(self, link: Link, code: int) -> None:
        """Note that a socket is closed."""
        if link is not self.link:
            return
        self.link, self.welcomed = None, False
        if code in NEVER:
            self.stopped = True
        else:
            self._retry()

    def go_offline(self, seconds: float) -> None:
        """Lose the network for a while."""
        self.offline_until = self.world.now + seconds
        for link in self.links:
            link.cut()

    def vanish(self) -> None:
        """Disappear without a close frame."""
        self.dead = True
        for link in self.links:
            link.cut()

    # The session

    def receive(self, link: Link, frame: messages.ServerFrame) -> None:
        newest = link is self.link
        if newest and isinstance(frame, messages.Welcome):
            self.welcomed = True
        self.perform(self.session.receive(frame, self.world.now, newest))

    def perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.world.watch.event(self, output)
            match output:
                case Transmit(frame=frame):
                    if self.welcomed and self.link is not None:
                        self.link.send(True, messages.encode(frame))
                case Move():
                    self.dial()
                case Stopped():
                    self.stopped = True
                case MatchReady(match_id=match_id):
                    self.shown = match_id
                case Ended():
                    self.shown = None

    def _tick(self) -> None:
        self.world.at(TICK_SECONDS, self, self._tick)
        if self.stopped:
            return
        if self.welcomed:
            outputs = self.session.tick(self.world.now)
            if outputs:
                self.world.watch.ticked(self, outputs)
                self.perform(outputs)
        if self.link is not None and self.world.now - self.link.received_at > self.session.silence:
            link = self.link
            self.world.watch.silent(self, link)
            self.lost(link, 1006)
            link.cut()


class User:
    """A user and their pages."""

    def __init__(self, world: World, number: int, pods: dict[str, Pod]) -> None:
        self.world, self.number, self.pods = world, number, pods
        self.gone = False
        self.said = 0
        self.pages = [Page(self)]

    @property
    def page(self) -> Page:
        """The page in the foreground: the newest that the pool has not stopped."""
        for page in reversed(self.pages):
            if not page.dead and not page.stopped:
                return page
        return self.pages[-1]

    def choose_pod(self) -> Pod | None:
        """Choose a pod as a load balancer does, which notices late that a pod does not answer."""
        ready = [pod for pod in self.pods.values() if not pod.dead and not pod.draining]
        return self.world.random.choice(ready) if ready else None

    def join(self) -> None:
        page = self.page
        if page.session.session_id is not None and not page.stopped and isinstance(page.session.intent, Idle):
            if page.link is not None:
                page.link.received_at = self.world.now
            page.perform(page.session.join())

    def leave(self, reason: messages.LeaveReason) -> None:
        page = self.page
        if not isinstance(page.session.intent, Idle):
            page.shown = None
            page.perform(page.session.leave(reason))

    def say(self) -> None:
        page = self.page
        if page.shown and isinstance(page.session.intent, Matched) and page.running:
            self.said += 1
            text, nobody = f"{self.number}.{self.said}", {"match_id": "-", "from_": "-", "to": "-", "seq": 0}
            frame = (
                Chat(id=text, text=text, **nobody)
                if self.said % 2
                else Offer(sdp=text, generation=self.said // 6, **nobody)
            )
            outputs = page.session.say(frame, self.world.now)
            match = page.session._match
            if isinstance(frame, Offer) and match and not any(isinstance(one, ClientProblem) for one in outputs):
                self.world.watch.negotiated(page, match.match_id, match.peer, frame.generation)
            page.perform(outputs)

    def reload(self) -> None:
        """Reload the page in the same tab."""
        before = self.page
        before.vanish()
        self.pages.append(Page(self, before.session))

    def duplicate(self) -> None:
        """Open a second tab with a copy of the first one's storage, in a browser without Web Locks."""
        self.pages.append(Page(self, self.page.session))

    def vanish(self) -> None:
        self.gone = True
        for page in self.pages:
            page.vanish()
