"""The check of the project's words."""

import pytest
from tools.words import check, tracked


def found(path: str, text: str) -> list[tuple[int, str]]:
    """Return line and words of each finding."""
    return [(finding.line, finding.found) for finding in check(path, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The tunnel comes about at once.", "comes about"),
        ("5 frames a second pass", "frames a second"),
        ("one channel a pod", "channel a pod"),
        ("32 at most", "32 at most"),
        ("whoever leaves", "whoever"),
        ("the ticket is in line", "in line"),
    ],
)
def test_a_phrase_is_found(text: str, expected: str) -> None:
    assert found("docs/page.md", text) == [(1, expected)]


@pytest.mark.parametrize("path", ["bench/relay/pump.c", "bench/relay/socketio.mjs", "Makefile", "signaling/Dockerfile"])
def test_all_kinds_of_sources_are_checked(path: str) -> None:
    assert list(tracked([path])) == [path]


@pytest.mark.parametrize(
    "text", ["in line with RFC 8445", "at most 32", "the health check", "per second", "the first page"]
)
def test_plain_english_passes(text: str) -> None:
    assert found("docs/page.md", text) == []


def test_a_membership_test_in_code_is_not_a_queue() -> None:
    assert found("a.py", 'found = [line for line in lines if "x" in line and any(x in line for x in y)]') == []


@pytest.mark.parametrize("name", ["partnerLost", "partner_lost", "partner-lost", "PARTNER_LOST", "Partner"])
def test_a_name_is_read_as_its_words(name: str) -> None:
    assert [word.lower() for _, word in found("sdk/src/index.js", f"x = {name}")] == ["partner"]


def test_a_phrase_is_found_across_the_lines_of_a_comment() -> None:
    assert found("a.py", "x = 1\n# This socket is on\n# its way out.\n") == [(2, "on # its way out")]


def test_code_in_markdown_is_exempt() -> None:
    assert found("docs/page.md", "`partner`\n```\npartner\n```\n[a](partner.md)\npartner") == [(6, "partner")]


def test_a_python_keyword_is_not_part_of_a_phrase() -> None:
    assert found("a.py", 'for word in line:\n    print("in line")  # in line\n') == [(2, "in line"), (2, "in line")]


def test_the_call_page_uses_the_word_partner() -> None:
    assert found("signaling/src/switchboard_signaling/web/page/words.js", '"Your partner left."') == []


def test_a_replaced_class_name_is_found() -> None:
    assert found("a.py", "class Expel:\n") == [(1, "class Expel")]


def test_a_log_event_must_be_in_snake_case() -> None:
    assert found("a/src/a.py", 'log.info("pod_ready", pod=name)\nlog.info("The pod is ready")\n') == [
        (2, '"The pod is ready"')
    ]
