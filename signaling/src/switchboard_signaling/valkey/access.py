"""Credentials and TLS from mounted files."""

import ssl
from pathlib import Path


class FileCredentials:
    """Username and password from two files, read for each connection because they may change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> tuple[str, str]:
        """Return username and password; raises OSError for a file that cannot be read.

        It reads on the event loop: two small files on a memory-backed volume cost less than a switch of threads.
        """
        return (self._folder / "username").read_text().strip(), (self._folder / "password").read_text().strip()


def tls_context(folder: Path) -> ssl.SSLContext:
    """Return a context that trusts `ca.crt`, and presents `tls.crt` if the folder has one.

    Host names are not checked, because clusters announce addresses, which certificates rarely contain: the signature
    of the nodes' own CA is what counts. Raises OSError for unusable files.
    """
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.check_hostname = False
    if (folder / "tls.crt").exists():
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context
