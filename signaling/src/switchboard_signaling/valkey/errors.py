"""The error that callers of the client see."""


class ValkeyUnavailableError(Exception):
    """The nodes did not answer in time, or refuse. Remedy: call again; a call may have been carried out."""
