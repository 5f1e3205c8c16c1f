"""The error of this package: message, remedy and log."""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """A failure that the user can act on.

    `code` is a stable kebab-case identifier, `message` one sentence, `remedy` the next step, `log` the path of a log
    with details, or None.
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
