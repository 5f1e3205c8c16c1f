"""Run the vectors on a client: `python -m switchboard_signaling.wire.vectors [--level 1] -- COMMAND …`.

The command is started once. It reads one JSON request per line and writes one JSON answer per line; the conversation is
described in docs/reference/vectors.md. The results are printed as TAP (https://testanything.org).
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from threading import Timer
from typing import Final

from switchboard_signaling.wire.vectors import LEVELS, Json, VectorError, load_vectors, play

ANSWER_SECONDS: Final = 10.0


class ClientProcessError(Exception):
    """The client under test cannot be started, has ended, or does not answer."""


class ClientProcess:
    """The client under test; `with` starts and ends it. Raises ClientProcessError if it cannot be started."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        except OSError as error:
            raise ClientProcessError(f"cannot start {command[0]}: {error.strerror}") from error

    def __enter__(self) -> "ClientProcess":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, request: Json) -> Json:
        """Return the answer to a request; raises ClientProcessError without one within ANSWER_SECONDS."""
        line = json.dumps(request)
        silence = Timer(ANSWER_SECONDS, self._process.kill)
        silence.start()
        try:
            answer = json.loads(self._exchange(line + "\n"))
        except (OSError, ValueError) as error:
            message = f"the client gave no JSON answer within {ANSWER_SECONDS:.0f} s to {line}"
            raise ClientProcessError(message) from error
        finally:
            silence.cancel()
        if not isinstance(answer, dict):
            raise ClientProcessError(f"the answer to {line} must be a JSON object")
        return answer

    def _exchange(self, line: str) -> str:
        """Return the client's answer, empty once it has ended; raises OSError if it does not read."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return ""
        stdin.write(line)
        stdin.flush()
        return stdout.readline()


def main() -> int:
    """Return the exit code: 0 if the client passes, 1 if not, 2 if it cannot be tested."""
    parser = argparse.ArgumentParser(prog="python -m switchboard_signaling.wire.vectors", description=__doc__)
    parser.add_argument("--level", type=int, choices=LEVELS, default=LEVELS[-1], help="conformance level to test")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the client under test and its arguments")
    arguments = parser.parse_args()
    try:
        with ClientProcess(arguments.command) as client:
            return _run(client, arguments.level)
    except ClientProcessError as error:
        sys.stdout.write(f"Bail out! {error}\n")
        return 2


def _run(client: ClientProcess, level: int) -> int:
    vectors = load_vectors(level)
    failures = 0
    sys.stdout.write(f"TAP version 14\n1..{len(vectors)}\n")
    for number, vector in enumerate(vectors, 1):
        try:
            play(vector, client.ask, level)
        except VectorError as error:
            failures += 1
            sys.stdout.write(f"not ok {number} - {vector.name}\n# {error}\n")
        else:
            sys.stdout.write(f"ok {number} - {vector.name}\n")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
