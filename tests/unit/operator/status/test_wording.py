import pytest

from switchboard_operator.status.wording import count, listing, portion


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("pod",), "0 pods"),
        (1, ("pod",), "1 pod"),
        (2, ("pod",), "2 pods"),
        (1, ("pod is", "pods are"), "1 pod is"),
        (3, ("pod is", "pods are"), "3 pods are"),
    ],
)
def test_a_count_has_its_noun_in_the_right_number(number: int, nouns: tuple[str, ...], text: str) -> None:
    assert count(number, *nouns) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "0 of 0 pods are"), (0, 1, "0 of 1 pod is"), (1, 3, "1 of 3 pods is"), (2, 3, "2 of 3 pods are")],
)
def test_a_portion_has_its_verb_in_the_right_number(part: int, whole: int, text: str) -> None:
    assert portion(part, whole, "pod") == text


@pytest.mark.parametrize(("names", "text"), [("", ""), ("a", "a"), ("cab", "c, a, b"), ("abcde", "a, b, c and 2 more")])
def test_a_list_names_the_first_three(names: str, text: str) -> None:
    assert listing(names) == text
