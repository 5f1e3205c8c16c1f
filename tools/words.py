"""Check the words of this project: one term per thing, in names, messages, comments and pages alike.

The rules are the clear-cut ones; `docs/internals/words.md` has the whole standard. Names are read as the words that
they are made of (`partnerLost`, `partner_lost` and `partner-lost` all contain "partner"). In Markdown, code is exempt;
in Python, keywords are (`for word in line`).
"""

import argparse
import io
import keyword
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
CHECKED: Final = (
    ".md", ".py", ".js", ".mjs", ".jsx", ".ts", ".html", ".css", ".lua", ".c", ".go", ".yaml", ".yml", ".tpl", ".txt",
    ".in", ".toml", ".json", "Makefile", "Dockerfile", "run",
)  # fmt: skip
"""Suffixes of the files that are checked, and names of those without one."""
EXEMPT: Final = (
    "tools/words.py",
    "tests/unit/tools/test_words.py",
    "docs/internals/words.md",
    "docs/internals/old-paths.md",
    "requirements/",
    "package-lock.json",
    "tests/e2e/reference/",
    "LICENSE",
)
PAGE: Final = (
    "signaling/src/switchboard_signaling/web/index.html",
    "signaling/src/switchboard_signaling/web/page/words.js",
    "tests/browser/test_networks.py",
    "tests/browser/test_page.py",
    "tests/browser/test_trouble.py",
)
"""The call page's own words, for people who talk to each other, and the tests that quote them."""


@dataclass(frozen=True)
class Rule:
    """A pattern that is not used, and what to write instead; `but` lists the paths where it is allowed."""

    pattern: str
    instead: str
    but: tuple[str, ...] = ()


def _compiled(*patterns: str) -> re.Pattern[str]:
    """Return an expression that matches any of these patterns; a space also matches a line break within a comment."""
    gap = r"(?:\s+(?:(?:#|//|\*|--|>)\s*)?)"
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b".replace(" ", gap))


_UNIT: Final = "second|minute|hour|day|month|cpu second|tick"
_THING: Final = (
    "pod|shard|session|socket|match|client|page|side|peer|pool|fleet|cluster|node|region|server|ticket|queue|lane|test"
    "|subject|address"
)
RULES: Final = (
    Rule(rf"(?:\d+|\w+s|one|once|twice|times) an? (?:{_UNIT})", '"per", as in "5 frames per second"'),
    Rule(
        rf"(?:channel|certificate|entry|line|list|key|record|process|secret|object|event|name|one) an? (?:{_THING})",
        '"one X per Y"',
    ),
    Rule(r"(?:\d[\d,.]*|two|three|four|five|ten)(?: \w+)? at (?:most|least)", '"at most N", "at least N"'),
    Rule(r"pictures?", "video, screenshot, diagram"),
    Rule(r"sounds?", "audio"),
    Rule(r"mend(?:s|ed|ing)?", "fix; repair"),
    Rule(r"heal(?:s|ed|ing)?", "repair, recover"),
    Rule(r"right pods?", "updated pods, pods of the current revision"),
    Rule(r"(?<![\"']\x20)in line(?! with\b| for \w+ in\b)|waiting line", "queued, in the queue"),  # not: "x" in line
    Rule(r"made up", "forged"),
    Rule(r"kept out", "blocked"),
    Rule(r"on (?:its|their) way out", "draining"),
    Rule(r"comes? about|came about|br(?:ing|ings|ought) about", "connects, is established, is created"),
    Rule(r"left out|leaves? out", "unset, omitted"),
    Rule(r"told|heard|unheard|spoken", "notified, reported, sent, received, delivered"),
    Rule(r"heed(?:s|ed|ing)?", "obey, accept"),
    Rule(r"(?:can|could|cannot|may) be had|to be had", "is available, fetch failed"),
    Rule(r"partners?", "peer", PAGE),
    Rule(r"anew", "again"),
    Rule(r"in vain", "without success"),
    Rule(r"lately", "recently"),
    Rule(r"for good(?! measure)", "permanently"),
    Rule(r"thereby|therewith|thereof|whereby|hereby", "so; with it"),
    Rule(r"whoever|whosoever|whatsoever", 'name the actor: "the client that ..."'),
    Rule(r"somebody|somebody else", "another client, someone else, another controller"),
    Rule(
        r"(?:those|one|ones|him|people|clients) who (?:wait|come|came|left|leave|met|meet)s?",
        "waiting clients, clients that ...",
    ),
    Rule(r"who (?:waits?|comes?|came|met|entered|says|knows)", "name the actor: the client, the caller"),
    Rule(r"he|him|his|himself", "they; name the actor"),
    Rule(r"homeless", "unplaceable"),
    Rule(r"surely", "certainly; or drop it"),
    Rule(r"wish(?:es|ed)?|wished for", "target, requested"),
    Rule(r"shelf|shelves|fates?", "index entry; outcome"),
    Rule(r"barren", "no-candidates"),
    Rule(r"pursuits?|unwanted", "intent reconciler; cleanup"),
    Rule(r"surroundings", "environment"),
    Rule(
        r"is no (?:size|setting|number|name|duration|url|json|port|address|object|list|path|integer)",
        '"must be ..."',
    ),
    Rule(r"belongs? to somebody", "is not controlled by this resource"),
)  # fmt: skip
CLASS_NAMES: Final = {
    "Taken": "Superseded", "Expel": "Disconnect", "Over": "MatchEnded", "Opened": "MatchOpened", "Note": "Record",
    "Witness": "SessionListener", "Wire": "SocketWriter", "Corks": "WriteBatcher", "Gate": "ConnectionLimiter",
    "Visitor": "ClientAddress", "Journal": "SessionLog", "Tally": "StatsFlusher", "Ledger": "SharedStats",
    "Meters": "CallMetrics", "Moved": "PoolState", "Tell": "Cordon", "Give": "GoAway", "Mark": "Annotate",
    "Resize": "Scale", "Discard": "DeleteReplicaSet", "Spared": "UnexpectedVictim", "Want": "Intent",
    "Surroundings": "CallEnvironment", "Spare": "PreparedConnection", "Met": "MatchOpened",
}  # fmt: skip
_CLASS: Final = re.compile(rf"\bclass ({'|'.join(CLASS_NAMES)})\b")
_EVENT: Final = re.compile(
    r"\b(?:log|logger|_log|LOG)\.(?:debug|info|warning|error|exception|critical)\(\s*f?(\"[^\"]*\"|'[^']*')"
)
_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_COMPILED: Final = [(rule, _compiled(rule.pattern)) for rule in RULES]
_ANY: Final = _compiled(*(rule.pattern for rule in RULES))
"""Matches where at least one rule does: most files are through after one search."""


@dataclass(frozen=True)
class Finding:
    """A violation of a rule and its location."""

    path: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.found}": write {self.instead}'


def check(path: str, text: str) -> Iterator[Finding]:
    """Yield the violations in the text of a file."""
    yield from _phrases(path, text)
    if path.endswith((".py", ".js")):
        for match in _CLASS.finditer(text):
            yield _finding(path, text, match.start(), match.group(), f"class {CLASS_NAMES[match.group(1)]}")
    if path.endswith(".py") and "/src/" in path:
        for match in _EVENT.finditer(text):
            if not _SNAKE.fullmatch(match.group(1)[1:-1]):
                yield _finding(path, text, match.start(), match.group(1), "a log event in snake_case, facts as keys")


def _phrases(path: str, text: str) -> Iterator[Finding]:
    words = _words(_prose(text) if path.endswith(".md") else text)
    if not _ANY.search(words):
        return
    if path.endswith(".py"):
        words = _words(_without_keywords(text))
    for rule, pattern in _COMPILED:
        if path not in rule.but:
            for match in pattern.finditer(words):
                yield _finding(path, words, match.start(), " ".join(match.group().split()), rule.instead)


def _finding(path: str, text: str, at: int, found: str, instead: str) -> Finding:
    return Finding(path, text.count("\n", 0, at) + 1, found, instead)


def _prose(markdown: str) -> str:
    """Return Markdown with its code removed and its line numbers unchanged."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match.group().count("\n")

    without_blocks = re.sub(r"^( *)(```|~~~).*?^\1\2\s*$", blank, markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", blank, without_blocks)


def _without_keywords(python: str) -> str:
    """Return Python source with each keyword replaced by semicolons of the same length."""
    lines = python.splitlines(keepends=True)
    for token in tokenize.generate_tokens(io.StringIO(python).readline):
        if token.type == tokenize.NAME and keyword.iskeyword(token.string):
            (row, start), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:start] + ";" * (end - start) + lines[row - 1][end:]
    return "".join(lines)


def _words(text: str) -> str:
    """Return text in lower case, without URLs, and with its names divided into words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]", " ", re.sub(r"https?://\S+", "", text)).lower()


def tracked(paths: Iterable[str]) -> Iterator[str]:
    """Yield the files under version control that are checked."""
    listed = subprocess.run(["git", "ls-files", "--", *paths], cwd=ROOT, check=True, capture_output=True, text=True)
    for path in listed.stdout.splitlines():
        if (
            (Path(path).suffix or Path(path).name) in CHECKED
            and not any(exempt in path for exempt in EXEMPT)
            and not (ROOT / path).is_symlink()
        ):
            yield path


def main() -> int:
    """Return the exit status for the given files, or for all files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or folders (default: all)")
    parser.add_argument("--count", action="store_true", help="count findings per file and per word")
    arguments = parser.parse_args()
    findings = [found for path in tracked(arguments.paths) for found in check(path, (ROOT / path).read_text())]
    if arguments.count:
        for counts in (Counter(found.path for found in findings), Counter(found.found.lower() for found in findings)):
            for name, count in counts.most_common(40):
                print(f"{count:6} {name}")
            print()
        print(f"{len(findings)} findings")
    else:
        for found in findings:
            print(found)
    if findings:
        print("Remedy: docs/internals/words.md has the words to use")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
