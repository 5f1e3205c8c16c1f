"""Presence by observation."""

from switchboard_signaling.session.presence import PeerSightings


def test_a_peer_is_present_while_its_counters_grow() -> None:
    seen = PeerSightings(60)
    for second in range(0, 100, 9):
        seen.read((1, second), second)
        assert seen.presence == "present"


def test_a_peer_is_away_after_ten_seconds_and_lost_after_the_resume_window() -> None:
    seen = PeerSightings(60)
    for now, presence in ((0, "present"), (9.9, "present"), (10, "away"), (59.9, "away"), (60, "lost")):
        seen.read((1, 1), now)
        assert seen.presence == presence
    seen.read((1, 2), 61)
    assert seen.presence == "present"
    assert seen.seen == (1, 2)


def test_a_peer_is_away_two_seconds_after_its_socket_closed() -> None:
    seen = PeerSightings(60)
    seen.read((1, 1), 0)
    assert not seen.suspect
    seen.closed(1)
    assert seen.suspect
    seen.read((1, 2), 1)  # a last change by the socket that closed
    seen.read((1, 2), 2.9)
    assert seen.presence == "present"
    seen.read((1, 2), 3)
    assert seen.presence == "away"


def test_a_newer_socket_ends_the_suspicion() -> None:
    seen = PeerSightings(60)
    seen.closed(1)
    assert not seen.suspect
    seen.read((2, 0), 0)
    seen.read((2, 0), 9)
    assert not seen.suspect
    assert seen.presence == "present"


def test_only_spans_between_successful_reads_count() -> None:
    seen = PeerSightings(60)
    seen.read((1, 1), 0)
    seen.failed()
    seen.read((1, 1), 1000)
    assert seen.presence == "present"
    seen.read((1, 1), 1010)
    assert seen.presence == "away"
