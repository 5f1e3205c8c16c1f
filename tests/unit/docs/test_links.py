"""Links in Markdown resolve, and the index of the documentation is complete."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s[^)]*)?\)|<(?:a|img|source)\s[^>]*?(?:href|src|srcset)=\"([^\"]+)\"")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:|//")


def tracked(pattern: str) -> list[Path]:
    """Return the files that are under version control, or will be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for line in listed.splitlines() if (path := ROOT / line).is_file() and not path.is_symlink()]


def prose(markdown: str) -> str:
    """Return Markdown without code blocks."""
    return re.sub(r"^ *(```|~~~).*?^ *\1\s*$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def links(markdown: str) -> Iterator[str]:
    """Yield the relative targets of links and images."""
    for match in LINK.finditer(re.sub(r"`[^`]*`", "", prose(markdown))):
        target = match.group(1) or match.group(2)
        if not EXTERNAL.match(target):
            yield target


def anchors(markdown: str) -> set[str]:
    """Return the anchors that GitHub gives a page: one per heading, numbered where headings repeat."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(markdown), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{number}" if number else slug for slug, last in found.items() for number in range(last + 1)}


@cache
def anchors_of(page: Path) -> set[str]:
    return anchors(page.read_text(encoding="utf-8"))


def broken(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    found = []
    for target in links(page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            found.append(target)
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", tracked("*.md"), ids=name)
def test_every_relative_link_image_and_anchor_resolves(page: Path) -> None:
    assert broken(page) == []


def test_the_index_links_every_page() -> None:
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in links(INDEX.read_text(encoding="utf-8"))}
    pages = [path for path in tracked("docs/*") if "images" not in path.parts and path != INDEX]
    assert [name(path) for path in pages if path not in linked] == []


def test_every_image_is_used() -> None:
    used = {
        (page.parent / target).resolve()
        for page in tracked("*.md")
        for target in links(page.read_text(encoding="utf-8"))
    }
    assert [name(path) for path in tracked("docs/images/*") if path not in used] == []


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[a](gone.md)", ["gone.md"]),
        ("[a](other.md#gone)", ["other.md#gone"]),
        ("[a](#gone)", ["#gone"]),
        ("![a](gone.png)", ["gone.png"]),
        ('<img alt="a" src="gone.svg">', ["gone.svg"]),
        ("[a](other.md) [a](other.md#one-thing) [a](https://example.com/gone)", []),
        ("# Here\n[a](#here)", []),
        ("```\n[a](gone.md)\n```\nand `[a](gone.md)`", []),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, markdown: str, expected: list[str]) -> None:
    (tmp_path / "other.md").write_text("# One thing\n")
    page = tmp_path / "page.md"
    page.write_text(markdown)
    assert broken(page) == expected


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## How many pods", "how-many-pods"),
        ("## `spec.drain`: the time limit", "specdrain-the-time-limit"),
        ("## See [the page](page.md)", "see-the-page"),
        ("## One\n## One", "one-1"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str) -> None:
    assert anchor in anchors(heading)
