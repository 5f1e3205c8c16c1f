"""A server of one Lease in memory."""

import copy
from typing import Any

from switchboard_operator.kube.client import ApiError, UnavailableError


class FakeKube:
    """Holds one Lease with optimistic locking, as the API server does."""

    def __init__(self) -> None:
        self.lease: Any = None
        self.version = 0
        self.down = False
        self.created = "2026-01-01T00:00:00Z"

    async def get(self, *_: Any) -> Any:
        if self.down:
            raise UnavailableError("down")
        return copy.deepcopy(self.lease)

    async def request(self, method: str, _path: str, _query: Any, body: Any, **_: Any) -> Any:
        if self.down:
            raise UnavailableError("down")
        conflict = (
            self.lease is not None if method == "POST" else body["metadata"]["resourceVersion"] != str(self.version)
        )
        if conflict:
            raise ApiError(409, b"")
        self.version += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        self.lease["metadata"].setdefault("creationTimestamp", self.created)
        return copy.deepcopy(self.lease)

    @property
    def holder(self) -> Any:
        return self.lease["spec"]["holderIdentity"]
