"""The only importer of kopf: watches our kinds and passes on the keys of what changed.

Only `on.event` handlers are used: they write nothing (no annotations, no finalizers, no events), so that a resource
can be deleted while the operator is down, and nothing is written at rest.
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
    """Delays between a request's attempts, without end: kopf takes the last failure of a finite list as fatal."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.1, 0.2, 0.5, 1.0)
        while True:
            yield 2.0


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True  # the Lease elects the leader; kopf's peering does not
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None  # otherwise it kills this process 10 minutes after it was stopped
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
    """Watch the kinds in the namespaces (none: in all) until stopped; report the key of each resource that changed.

    kopf replaces the signal handlers of this process when it starts, and its end cancels tasks that were made after
    its start.
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
