"""TLS of the internal port: orders and their tokens are not for everybody on the network to read."""

import ssl
from pathlib import Path


def internal_tls(folder: Path) -> ssl.SSLContext:
    """Return the context with the folder's tls.crt and tls.key, as they are at each handshake: they may be replaced.

    Raises OSError, which names the folder and the remedy, if they cannot be read or are no certificate with its key.
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
    except OSError as error:  # ssl.SSLError is one; neither names a file
        raise OSError(
            f"No certificate for the internal port in {folder}: {error}. Remedy: put tls.crt and the tls.key that"
            " belongs to it there, or set SWITCHBOARD_INTERNAL_TLS_DIR to where they are"
        ) from error
    return context
