"""The error of this package: a code, a message, a remedy and a log."""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """A failure with a remedy.

    `code` is a stable kebab-case word, `message` one sentence, `remedy` the next step, `log` the file with the details
    (or None).
    """

    def __init__(self, code: str, message: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.log = log

    def as_dict(self) -> dict[str, str]:
        """Return the error in the format of `-o json`."""
        found = {"code": self.code, "message": self.message, "remedy": self.remedy}
        return found | ({"log": str(self.log)} if self.log else {})
