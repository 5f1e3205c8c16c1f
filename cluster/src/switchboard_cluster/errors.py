"""The one error of this package: what went wrong, what helps, and which log tells more."""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """A failure that a person can act on.

    `code` is a stable kebab-case word, `message` one sentence, `remedy` the next thing to do, `log` the file that
    tells more (or None).
    """

    def __init__(self, code: str, message: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.log = log

    def as_dict(self) -> dict[str, str]:
        """Return the error as it is printed by `-o json`."""
        found = {"code": self.code, "message": self.message, "remedy": self.remedy}
        return found | ({"log": str(self.log)} if self.log else {})
