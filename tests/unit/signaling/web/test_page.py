"""The call page's words, and the types of all of its modules."""

from importlib import resources
from pathlib import Path

from tests.node import check_types, run_tests

ROOT = Path(__file__).resolve().parents[4]
WEB = resources.files("switchboard_signaling") / "web"


def test_the_words_are_what_their_tests_say() -> None:
    run_tests(Path(__file__).with_name("words.test.mjs"), WEB=str(WEB))


def test_the_types_hold() -> None:
    check_types(ROOT / "signaling")
