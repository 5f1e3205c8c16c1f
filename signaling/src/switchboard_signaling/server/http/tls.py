"""TLS of the internal port, which protects commands and their tokens."""

import ssl
from pathlib import Path


def internal_tls(folder: Path) -> ssl.SSLContext:
    """Return a context that loads the folder's tls.crt and tls.key at each handshake, because they may be replaced.

    Raises OSError, which names the folder and the remedy, if they are not a certificate and its key.
    """

    def latest(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = _load(folder)

    context = _load(folder)
    context.sni_callback = latest
    return context


def _load(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    except OSError as error:  # including ssl.SSLError; neither names the file
        raise OSError(
            f"No certificate for the internal port in {folder}: {error}. Remedy: put tls.crt and its tls.key there, or"
            " set SWITCHBOARD_INTERNAL_TLS_DIR to their folder"
        ) from error
    return context
