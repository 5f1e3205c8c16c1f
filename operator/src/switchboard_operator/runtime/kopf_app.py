"""Watches the custom kinds with kopf and reports the keys of changed resources. The only importer of kopf.

Only `on.event` handlers are used, because they write nothing (no annotations, finalizers or events): a resource can be
deleted while the operator is down, and resources at rest cause no writes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

import kopf

from switchboard_crds import names
from switchboard_operator.kube import KubeCredentials
from switchboard_operator.owned.owner import OwnerKey

_EXIT_SECONDS: Final = 1.0


class _EndlessBackoffs:
    """Infinite delays between the attempts of a request: after a finite list, kopf treats the failure as fatal."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.1, 0.2, 0.5, 1.0)
        while True:
            yield 2.0


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True  # the Lease elects the leader, not kopf's peering
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = (
        None  # otherwise kopf kills this process 10 minutes after it was stopped
    )
    settings.queueing.exit_timeout = _EXIT_SECONDS
    settings.networking.error_backoffs = _EndlessBackoffs()
    return settings


async def watch(
    kinds: Sequence[names.Kind],
    credentials: Callable[[], Awaitable[KubeCredentials]],
    namespaces: Sequence[str],
    on_change: Callable[[OwnerKey], None],
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    """Watch the kinds in the namespaces (empty: all) until stopped; report the key of each changed resource.

    kopf replaces the signal handlers of this process when it starts, and when it ends it cancels tasks that were
    created after its start.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        found = await credentials()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_path,
            certificate_path=found.certificate_path,
            private_key_path=found.private_key_path,
            token=found.token,
            insecure=found.insecure,
        )

    for kind in kinds:

        @kopf.on.event(names.GROUP, names.VERSION, kind.plural, registry=registry)
        async def changed(namespace: str | None, name: str | None, _kind: str = kind.kind, **_: Any) -> None:
            if namespace and name:
                on_change((_kind, namespace, name))

    await kopf.operator(
        registry=registry,
        settings=_settings(),
        clusterwide=not namespaces,
        namespaces=tuple(namespaces),
        stop_flag=stop,
        ready_flag=ready,
    )
