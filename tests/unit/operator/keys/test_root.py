import base64
from typing import Any

import pytest
from tests.unit.operator.kube.fake import FakeKube, refusal

from switchboard_operator.keys.root import load_keys
from switchboard_operator.kube import ApiError, KubeError
from switchboard_operator.kube.resources import SECRET


def secret(data: Any) -> Any:
    metadata = {"name": "key", "namespace": "system"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **({"data": data} if data is not None else {})}


async def test_the_secret_is_created_once_and_then_read() -> None:
    kube = FakeKube()
    keys = await load_keys(kube, "system", "key")
    assert len(keys.root) == 32
    assert await load_keys(kube, "system", "key") == keys
    assert kube.writes == ["POST secrets/key"]
    assert kube.found(SECRET, "key", "system")["immutable"] is True


class Overtaken(FakeKube):
    """Another replica makes the Secret between this one's look and its own attempt."""

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.theirs = theirs

    async def request(self, method: str, *arguments: Any, **options: Any) -> Any:
        if method == "POST":
            self.change(self.theirs)
        return await super().request(method, *arguments, **options)


async def test_the_key_of_a_faster_replica_is_used() -> None:
    kube = Overtaken(secret({"root": base64.b64encode(b"k" * 32).decode()}))
    assert (await load_keys(kube, "system", "key")).root == b"k" * 32


@pytest.mark.parametrize("status", [403, 409, 500])
async def test_a_secret_that_can_be_neither_created_nor_read_is_an_error(status: int) -> None:
    kube = FakeKube()
    kube.failures["POST secrets"] = refusal(status)
    with pytest.raises(ApiError, match=str(status)):
        await load_keys(kube, "system", "key")


@pytest.mark.parametrize("data", [None, {}, {"root": None}, {"root": "%"}, {"root": "a2V5"}, {"other": "a2V5"}])
async def test_a_secret_without_a_key_is_never_replaced(data: Any) -> None:
    kube = FakeKube(secret(data))
    with pytest.raises(KubeError, match=r"Secret system/key must hold a key of 32 bytes in 'root'\. Remedy"):
        await load_keys(kube, "system", "key")
    assert kube.writes == []
