"""A session's view of its match: what the client has been told, what the newest record adds, what is due."""

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
"""How often a match is read while it forms or while the partner is in doubt."""


@dataclass(frozen=True)
class PeerSocket:
    """Where the partner is: its session, page load and pod."""

    sid: str
    inst: str
    pod: str
    n: int = 0
    """The number of its socket, as far as it is known."""


def unowned(ticket: str) -> str:
    """Return a ticket's name as its client knows it; in the line it is `sid/ticket`, so that none takes another's."""
    return ticket.rpartition("/")[2]


@dataclass
class MatchView:
    """One match as one socket of session `sid` sees it; times in monotonic seconds."""

    m: str
    sid: str
    sightings: PeerSightings
    since: float
    ticket: str | None = None
    mode: str = ""
    side: Side | None = None
    peer: PeerSocket | None = None
    peer_sub: str | None = None
    """The partner's subject, if the match was seen to form."""
    published: bool | None = None
    """The `named` with which the partner's pod was last asked to look."""
    _told: Literal["", "forming", "open"] = ""
    _told_inst: str | None = None
    _told_presence: Presence = "present"
    _told_n: int = 0
    _asked_at: float = 0.0

    @property
    def announced(self) -> bool:
        """Whether the client has heard of the match."""
        return self._told != ""

    @property
    def opened(self) -> bool:
        """Whether the client has been told that both are in."""
        return self._told == "open"

    def propose(self, proposal: Proposal) -> None:
        """Take over what the queue's proposal says."""
        self.side = proposal.side_of(self.sid)
        mine, other = proposal.from_side(self.side)
        self.ticket, self.mode = unowned(mine.ticket), mine.mode
        self.peer = self.peer or PeerSocket(other.sid, other.inst, other.pod)
        self.peer_sub = other.sub

    def read(self, record: MatchRecord, host: Host, now: float) -> MatchFound | PeerState | None:
        """Take over what the store says of a match that is not over; return what the client does not know yet."""
        found = record.sides(self.sid)
        if found is not None:
            self.side, _, other = found
            self.sightings.read((other.n, other.v) if other else None, now)
            if other and (self.peer is None or other.n >= self.peer.n):  # a lower one is of before a failover
                self.peer = PeerSocket(other.sid, other.inst, other.pod, other.n)
        if self.peer is None or self.side is None:
            return None
        frame = self._news(record, self.side, self.peer, host)
        self._told_inst, self._told_presence, self._told_n = self.peer.inst, self.sightings.presence, self.peer.n
        return frame

    def look(self, now: float, closed: int | None = None) -> ReadMatch:
        """Return the question to look again; `closed` is the number of the partner's socket if it has just closed."""
        if closed is not None:
            self.sightings.closed(closed)
        self._asked_at = now
        return ReadMatch(self.m)

    def due(self, now: float) -> list[Question]:
        """Return the questions whose time has come."""
        questions: list[Question] = []
        forming = not self.opened
        if forming and now - self.since > FORMING_SECONDS:
            questions.append(EndMatch(self.m, self.sid, "partner-lost", self.side, only_forming=True))
        if self.sightings.presence == "lost":
            unseen = self.sightings.seen
            questions.append(EndMatch(self.m, self.sid, "partner-lost", self.side, unseen=unseen))
        if (forming or self.sightings.suspect) and now - self._asked_at >= READ_SECONDS:
            questions.append(self.look(now))
        return questions

    def _news(self, record: MatchRecord, side: Side, peer: PeerSocket, host: Host) -> MatchFound | PeerState | None:
        if self._told != record.outcome:
            self._told = "open" if record.outcome == "open" else "forming"
            return self._match_found(side, peer, host)
        presence = self.sightings.presence
        # What was said to the partner's last socket may be lost: its client need not wait until it is repeated.
        same = self._told_inst == peer.inst and not 0 < self._told_n < peer.n
        if same and (self._told_presence == presence or presence == "lost"):
            return None
        return PeerState(m=self.m, state="present" if presence == "present" else "away", inst=peer.inst)

    def _match_found(self, side: Side, peer: PeerSocket, host: Host) -> MatchFound:
        """Side a is polite in perfect negotiation (W3C WebRTC section 10.7)."""
        return MatchFound(
            m=self.m,
            role="polite" if side == "a" else "impolite",
            partner=peer.inst,
            state="open" if self.opened else "forming",
            ice_servers=host.ice_servers(self.sid),
            ttl_ms=host.ice_ttl_ms(),
            ticket=self.ticket,
            token=host.keyring.sign(MatchClaims(self.m, side, self.sid)) if self.opened else None,
        )
