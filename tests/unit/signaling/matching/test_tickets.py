"""Which tickets may be matched."""

from typing import Any

import pytest

from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, REQUIRED_ONLY, Ticket, compatible, propose


def ticket(session_id: str, sub: str = "", attributes: dict[str, str] | None = None, **required: str) -> Ticket:
    return Ticket(
        f"{session_id}/t", session_id, sub or session_id, "inst", "pod", attributes=attributes or {}, required=required
    )


@pytest.mark.parametrize(
    ("one", "other", "fit"),
    [
        (ticket("a"), ticket("b"), True),
        (ticket("a"), ticket("a", sub="x"), False),
        (ticket("a", sub="same"), ticket("b", sub="same"), False),
        (ticket("a", lang="de"), ticket("b"), False),
        (ticket("a", lang="de"), ticket("b", attributes={"lang": "de"}), True),
        (ticket("a", lang="de"), ticket("b", attributes={"lang": "fr"}), False),
        (ticket("a", attributes={"x": "1"}, y="2"), ticket("b", attributes={"y": "2"}, x="1"), True),
        (ticket("a", attributes={"x": "1"}, y="2"), ticket("b", attributes={"y": "2"}, x="2"), False),
    ],
)
def test_requirements_are_mutual_and_no_subject_is_matched_with_itself(one: Ticket, other: Ticket, fit: bool) -> None:
    assert compatible(one, other) is fit
    assert compatible(other, one) is fit


@pytest.mark.parametrize(
    ("one", "fit"),
    [
        ({"mode": "text"}, False),
        ({"blocked": ["b"]}, False),
        ({"blocked": ["a", "c"]}, True),
        ({"preferred": {"lang": "de"}}, False),
        ({"preferred": {"lang": "de"}, "relaxed": REQUIRED_ONLY}, True),
        ({"preferred": {"lang": "fr"}}, True),
        ({"required": {"lang": "fr"}, "preferred": {"lang": "de"}}, True),
        ({"required": {"lang": "de"}, "relaxed": ANYBODY_AGAIN}, False),
    ],
)
def test_modes_blocks_and_preferences_apply_to_both(one: dict[str, Any], fit: bool) -> None:
    mine = Ticket("a/t", "a", "a", "inst", "pod", **one)
    other = ticket("b", attributes={"lang": "fr"})
    assert compatible(mine, other) is fit
    assert compatible(other, mine) is fit


def test_the_smaller_session_id_is_side_a() -> None:
    for proposal in (propose("m", ticket("a"), ticket("b")), propose("m", ticket("b"), ticket("a"))):
        assert (proposal.a.session_id, proposal.b.session_id) == ("a", "b")
        assert (proposal.side_of("a"), proposal.side_of("b")) == ("a", "b")
        assert [one.session_id for one in proposal.from_side("a")] == ["a", "b"]
        assert [one.session_id for one in proposal.from_side("b")] == ["b", "a"]
