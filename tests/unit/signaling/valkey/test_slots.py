"""The owners of slots, and the reaction to each error."""

import pytest

from switchboard_signaling.valkey.slots import SLOTS, Remedy, Slots, classify, slot_of

ONE, TWO, THREE = ("10.0.0.1", 6379), ("10.0.0.2", 6379), ("10.0.0.3", 7000)


@pytest.mark.parametrize(
    ("key", "same_as"),
    [("{u1}.following", "u1"), ("foo{bar}{zap}", "bar"), ("foo{{bar}}zap", "{bar"), ("{q:ns/pool}:seq", "q:ns/pool")],
)
def test_a_hash_tag_determines_the_slot(key: str, same_as: str) -> None:
    assert slot_of(key) == slot_of(same_as)


@pytest.mark.parametrize(("key", "slot"), [("123456789", 12739), ("", 0)])
def test_slots_are_those_of_the_cluster_s_specification(key: str, slot: int) -> None:
    assert slot_of(key) == slot


@pytest.mark.parametrize("key", ["foo{}bar", "foo{bar", "foo}{"])
def test_an_empty_or_open_tag_is_no_tag(key: str) -> None:
    assert slot_of(key) != slot_of("bar")
    assert slot_of(key) != 0


def test_the_table_follows_cluster_slots() -> None:
    slots = Slots()
    assert slots.owner(0) is None
    slots.learn(
        [[0, 99, ["10.0.0.1", 6379, "id1", []], ["10.0.0.3", 7000, "id3", []]], [100, SLOTS - 1, ["", 6379]]], TWO
    )
    assert (slots.owner(99), slots.owner(100), slots.owner(SLOTS - 1)) == (ONE, TWO, TWO)
    assert slots.nodes == [ONE, THREE, TWO]


def test_the_table_keeps_slots_that_an_answer_omits() -> None:
    slots = Slots()
    slots.learn([[0, SLOTS - 1, [*ONE]]], ONE)
    slots.learn([[0, 0, [*TWO]]], TWO)
    slots.learn([], THREE)
    slots.assign(7, THREE)
    assert [slots.owner(slot) for slot in (0, 1, 7)] == [TWO, ONE, THREE]
    assert slots.nodes == [TWO]


def test_a_single_node_owns_all_slots() -> None:
    slots = Slots()
    slots.single(ONE)
    assert {slots.owner(slot) for slot in range(SLOTS)} == {ONE}
    assert slots.nodes == [ONE]


@pytest.mark.parametrize(
    ("text", "code", "remedy", "to"),
    [
        ("MOVED 3999 10.0.0.1:6379", "MOVED", Remedy.GO, ONE),
        ("MOVED 3999 :6379", "MOVED", Remedy.GO, TWO),
        ("MOVED 3999 fd00::7:6379", "MOVED", Remedy.GO, ("fd00::7", 6379)),
        ("ASK 3999 10.0.0.3:7000", "ASK", Remedy.GO_ONCE, THREE),
        ("NOSCRIPT No matching script.", "NOSCRIPT", Remedy.GIVE_SCRIPT, None),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN", Remedy.WAIT, None),
        ("CLUSTERDOWN The cluster is down", "CLUSTERDOWN", Remedy.WAIT, None),
        ("LOADING Valkey is loading the dataset in memory", "LOADING", Remedy.WAIT, None),
        ("READONLY You can't write against a read only replica.", "READONLY", Remedy.WAIT, None),
        ("timeout: no reply", "timeout", Remedy.WAIT, None),
        ("NOPERM this user has no permissions", "NOPERM", Remedy.NONE, None),
        ("OOM command not allowed when used memory > 'maxmemory'.", "OOM", Remedy.NONE, None),
    ],
)
def test_each_error_has_its_remedy(text: str, code: str, remedy: Remedy, to: tuple[str, int] | None) -> None:
    found = classify(text, TWO)
    assert (found.code, found.text, found.remedy, found.to) == (code, text, remedy, to)
