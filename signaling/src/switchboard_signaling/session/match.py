"""A session's view of its match: what the client knows, what the newest record adds, and what is due."""

from dataclasses import dataclass
from typing import Final, Literal

from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.presence import PeerSightings, Presence
from switchboard_signaling.session.records import EndMatch, MatchRecord, Question, ReadMatch
from switchboard_signaling.wire.messages import MatchFound, PeerState
from switchboard_signaling.wire.tokens import MatchClaims, Side

FORMING_SECONDS: Final = 10.0
"""A match that both clients have not entered by then is aborted."""
READ_SECONDS: Final = 1.0
"""Interval at which a match is read while it forms or while the peer's presence is in doubt."""


@dataclass(frozen=True)
class PeerSocket:
    """Where the peer is connected."""

    session_id: str
    instance: str
    pod: str
    socket_number: int = 0
    """0 while it is unknown."""


def client_ticket(ticket: str) -> str:
    """Return the client's name of a stored ticket, which is `session/ticket` so that no client can take another's."""
    return ticket.rpartition("/")[2]


@dataclass
class MatchView:
    """One match as one socket of session `session_id` sees it; times in monotonic seconds."""

    match_id: str
    session_id: str
    sightings: PeerSightings
    since: float
    ticket: str | None = None
    mode: str = ""
    side: Side | None = None
    peer: PeerSocket | None = None
    peer_sub: str | None = None
    """The peer's subject, if this socket saw the match form."""
    published: bool | None = None
    """The `named` with which the peer's pod was last asked to read the match."""
    _sent_state: Literal["", "forming", "open"] = ""
    _sent_presence: Presence = "present"
    _sent_peer: PeerSocket | None = None
    _asked_at: float = 0.0

    @property
    def announced(self) -> bool:
        """Whether the client knows the match."""
        return self._sent_state != ""

    @property
    def opened(self) -> bool:
        """Whether the client knows that both clients have entered the match."""
        return self._sent_state == "open"

    def propose(self, proposal: Proposal) -> None:
        """Take over what the queue's proposal says."""
        self.side = proposal.side_of(self.session_id)
        mine, other = proposal.from_side(self.side)
        self.ticket, self.mode = client_ticket(mine.ticket), mine.mode
        self.peer = self.peer or PeerSocket(other.session_id, other.instance, other.pod)
        self.peer_sub = other.sub

    def read(self, record: MatchRecord, host: Host, now: float) -> MatchFound | PeerState | None:
        """Take over the record of a match that is not over; return what the client does not know yet."""
        found = record.sides(self.session_id)
        if found is not None:
            self.side, _, other = found
            self.sightings.read((other.socket_number, other.version) if other else None, now)
            # A lower socket number stems from before a failover of the store.
            if other and (self.peer is None or other.socket_number >= self.peer.socket_number):
                self.peer = PeerSocket(other.session_id, other.instance, other.pod, other.socket_number)
        if self.peer is None or self.side is None:
            return None
        frame = self._news(record, self.side, self.peer, host)
        self._sent_peer, self._sent_presence = self.peer, self.sightings.presence
        return frame

    def look(self, now: float, closed: int | None = None) -> ReadMatch:
        """Return the question to read the match; `closed` is the number of the peer's socket if it has just closed."""
        if closed is not None:
            self.sightings.closed(closed)
        self._asked_at = now
        return ReadMatch(self.match_id)

    def due(self, now: float) -> list[Question]:
        """Return the questions that are due."""
        questions: list[Question] = []
        forming = not self.opened
        if forming and now - self.since > FORMING_SECONDS:
            questions.append(EndMatch(self.match_id, self.session_id, "peer-lost", self.side, only_forming=True))
        if self.sightings.presence == "lost":
            unseen = self.sightings.seen
            questions.append(EndMatch(self.match_id, self.session_id, "peer-lost", self.side, unseen=unseen))
        if (forming or self.sightings.suspect) and now - self._asked_at >= READ_SECONDS:
            questions.append(self.look(now))
        return questions

    def _news(self, record: MatchRecord, side: Side, peer: PeerSocket, host: Host) -> MatchFound | PeerState | None:
        if self._sent_state != record.outcome:
            self._sent_state = "open" if record.outcome == "open" else "forming"
            return self._match_found(side, peer, host)
        presence, sent = self.sightings.presence, self._sent_peer
        # Frames to the peer's previous socket may be lost: announce the new one, so that the client repeats them now.
        same = sent is not None and sent.instance == peer.instance and not 0 < sent.socket_number < peer.socket_number
        if same and (self._sent_presence == presence or presence == "lost"):
            return None
        state: Literal["present", "away"] = "present" if presence == "present" else "away"
        return PeerState(match_id=self.match_id, state=state, instance=peer.instance)

    def _match_found(self, side: Side, peer: PeerSocket, host: Host) -> MatchFound:
        """Side a is polite in perfect negotiation (W3C WebRTC section 10.7)."""
        return MatchFound(
            match_id=self.match_id,
            role="polite" if side == "a" else "impolite",
            peer=peer.instance,
            state="open" if self.opened else "forming",
            ice_servers=host.ice_servers(self.session_id),
            ttl_ms=host.ice_ttl_ms(),
            ticket=self.ticket,
            token=host.keyring.sign(MatchClaims(self.match_id, side, self.session_id)) if self.opened else None,
        )
