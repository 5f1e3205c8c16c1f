"""A session's view of its match."""

from msgspec.structs import replace

from switchboard_signaling.matching.tickets import Ticket, propose
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.match import MatchView, PeerSocket, client_ticket
from switchboard_signaling.session.presence import PeerSightings
from switchboard_signaling.session.records import EndMatch, MatchRecord, Outcome, ReadMatch, SideRecord
from switchboard_signaling.wire.messages import MatchFound, PeerState, Timeouts
from switchboard_signaling.wire.tokens import Keyring, MatchClaims

KEYRING = Keyring({"current": b"k" * 16}, lambda: 0)
HOST = Host("pod-a", KEYRING, Timeouts(5000, 30000, 60000), lambda _sid: [], lambda: 1000, lambda: "id")


def view(since: float = 0) -> MatchView:
    return MatchView("m", "sid-a", PeerSightings(60), since)


def record(
    outcome: Outcome = "forming", version: int = 1, instance: str = "inst-b", *, peer: bool = True
) -> MatchRecord:
    other = SideRecord("sid-b", 1, version, instance, "pod-b", named=True) if peer else None
    return MatchRecord("m", SideRecord("sid-a", 1, 1, "inst-a", "pod-a", named=True), other, outcome)


def test_a_stored_ticket_is_named_by_its_session() -> None:
    assert client_ticket("sid/ticket") == "ticket"


def test_a_proposal_has_the_side_the_ticket_and_the_peer() -> None:
    match = view()
    match.propose(
        propose("m", Ticket("sid-b/tb", "sid-b", "b", "inst-b", "pod-b"), Ticket("sid-a/ta", "sid-a", "a", "i", "p"))
    )
    assert (match.side, match.ticket, match.peer) == ("a", "ta", PeerSocket("sid-b", "inst-b", "pod-b"))
    match.peer = PeerSocket("sid-b", "newer", "pod-c")
    match.propose(
        propose("m", Ticket("sid-b/tb", "sid-b", "b", "inst-b", "pod-b"), Ticket("sid-a/ta", "sid-a", "a", "i", "p"))
    )
    assert match.peer.instance == "newer"


def test_a_match_is_announced_once_as_forming_and_once_as_open() -> None:
    match = view()
    assert not match.announced
    forming = match.read(record(), HOST, 0)
    assert isinstance(forming, MatchFound)
    assert (forming.state, forming.role, forming.peer, forming.token) == ("forming", "polite", "inst-b", None)
    assert match.read(record(), HOST, 1) is None
    opened = match.read(record("open"), HOST, 2)
    assert isinstance(opened, MatchFound)
    assert opened.state == "open"
    assert KEYRING.verify(opened.token, MatchClaims) == MatchClaims("m", "a", "sid-a")
    assert match.announced
    assert match.opened


def test_a_record_with_an_older_socket_does_not_restore_its_page() -> None:
    match = view()
    reloaded = replace(record("open"), b=SideRecord("sid-b", 2, 1, "reloaded", "pod-c", named=True))
    assert isinstance(match.read(reloaded, HOST, 0), MatchFound)
    assert match.read(record("open"), HOST, 1) is None
    assert match.peer == PeerSocket("sid-b", "reloaded", "pod-c", 2)


def test_nothing_is_announced_before_the_peer_is_known() -> None:
    match = view()
    assert match.read(record(peer=False), HOST, 0) is None
    assert match.read(MatchRecord("m"), HOST, 0) is None


def test_the_other_side_is_impolite() -> None:
    match = MatchView("m", "sid-b", PeerSightings(60), 0)
    found = match.read(record(), HOST, 0)
    assert isinstance(found, MatchFound)
    assert found.role == "impolite"


def test_a_new_page_and_a_change_of_presence_are_announced() -> None:
    match = view()
    match.read(record("open"), HOST, 0)
    moved = match.read(record("open", version=2, instance="inst-c"), HOST, 1)
    assert moved == PeerState(match_id="m", state="present", instance="inst-c")
    away = match.read(record("open", version=2, instance="inst-c"), HOST, 12)
    assert away == PeerState(match_id="m", state="away", instance="inst-c")
    assert match.read(record("open", version=2, instance="inst-c"), HOST, 13) is None
    assert (
        match.read(record("open", version=2, instance="inst-c"), HOST, 100) is None
    )  # lost: the store reports the end
    assert match.read(record("open", version=3, instance="inst-c"), HOST, 101) == PeerState(
        match_id="m", state="present", instance="inst-c"
    )


def test_a_new_socket_of_a_present_peer_is_announced_once() -> None:
    match = view()
    match.read(record("open"), HOST, 0)
    moved = replace(record("open"), b=SideRecord("sid-b", 2, 1, "inst-b", "pod-c", named=True))
    assert match.read(moved, HOST, 1) == PeerState(match_id="m", state="present", instance="inst-b")
    assert match.read(moved, HOST, 2) is None


def test_a_forming_match_is_read_every_second_and_aborted_after_ten() -> None:
    match = view(since=100)
    assert match.due(100) == [ReadMatch("m")]
    assert match.due(100.5) == []
    assert match.due(101) == [ReadMatch("m")]
    assert match.due(110.5) == [EndMatch("m", "sid-a", "peer-lost", only_forming=True), ReadMatch("m")]


def test_an_open_match_is_read_between_heartbeats_only_while_the_peer_is_in_doubt() -> None:
    match = view()
    match.read(record("open"), HOST, 0)
    assert match.due(50) == []
    assert match.look(50, closed=1) == ReadMatch("m")
    assert match.due(51) == [ReadMatch("m")]


def test_a_lost_peer_ends_the_match_unless_it_has_been_seen_again() -> None:
    match = view()
    match.read(record("open", version=7), HOST, 0)
    match.read(record("open", version=7), HOST, 60)
    assert match.due(60) == [EndMatch("m", "sid-a", "peer-lost", "a", unseen=(1, 7))]
