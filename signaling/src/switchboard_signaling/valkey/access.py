"""Credentials and TLS from mounted files."""

import ssl
from pathlib import Path


class FileCredentials:
    """User name and password from the files `username` and `password`, read for each connection: both may change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> tuple[str, str]:
        """Return both; raises OSError for a file that cannot be read.

        Two small files of a memory-backed volume are read faster than a thread is found.
        """
        return (self._folder / "username").read_text().strip(), (self._folder / "password").read_text().strip()


def trusting(folder: Path) -> ssl.SSLContext:
    """Return a context that takes nodes whose certificates `ca.crt` signed, and shows `tls.crt` if there is one.

    A cluster names its nodes by address, which certificates rarely hold: being signed by the nodes' own CA is what
    counts. Raises OSError for files that cannot be used.
    """
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.check_hostname = False
    if (folder / "tls.crt").exists():
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context
