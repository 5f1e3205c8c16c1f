"""The error that the client raises."""


class ValkeyUnavailableError(Exception):
    """The nodes did not answer in time, or refused. Remedy: call again; the call may have been executed."""
