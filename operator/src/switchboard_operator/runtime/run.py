"""Starts and stops the operator: health port, Lease, informers, workers and kopf."""

import asyncio
import signal
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog

from switchboard_crds import names
from switchboard_operator.context import Context
from switchboard_operator.keys.derived import Keys
from switchboard_operator.keys.root import load_keys
from switchboard_operator.kinds import OWNED, SELECTOR
from switchboard_operator.kube import Kube, KubeError
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.informer import Informer, ObjectStore
from switchboard_operator.kube.lease import Elector, Timing
from switchboard_operator.kube.resources import ENDPOINT_SLICE, NODE, POD, Json
from switchboard_operator.owned.owner import OwnerKey, owner_key
from switchboard_operator.owned.references import References
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.pods import PodClient
from switchboard_operator.pools.reconciler import PoolReconciler
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.redis.reconciler import ClusterReconciler
from switchboard_operator.runtime import health, kopf_app, metrics
from switchboard_operator.runtime.queue import Controller, Reconciler, WorkQueue
from switchboard_operator.runtime.settings import OperatorSettings
from switchboard_operator.status.writer import StatusWriter
from switchboard_operator.turn.reconciler import FleetReconciler

logger = structlog.get_logger(__name__)

KEY_SECONDS: Final = 5.0
"""Interval between attempts to read the root key."""
STOP_SECONDS: Final = 5.0
"""Timeout for kopf to end its watches."""
SYNC_SECONDS: Final = 30.0
"""Time for the informers' first lists; after that, the replica is not ready."""
STALL_SECONDS: Final = 120.0
"""Time without progress on a queue that is not empty; after that, the process is not alive."""


class OperatorError(Exception):
    """A task of the operator failed. The process must exit, so that the kubelet restarts it with backoff."""


class Operator:
    """One replica of the operator: a candidate for the Lease, which reconciles while it holds the Lease."""

    def __init__(self, kube: Kube, settings: OperatorSettings, timing: Timing | None = None) -> None:
        self._kube, self._settings = kube, settings
        self._elector = Elector(kube, settings.namespace, settings.lease, settings.pod, timing)
        self._quit = asyncio.Event()
        self._controller: Controller | None = None
        self._unsynced_since: float | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises OperatorError if a task fails."""
        with self._signals():
            try:
                async with health.serve(self._settings.port, self._alive, self._ready):
                    while not self._quit.is_set():
                        if await self._until_quit(self._elector.acquire()):
                            break
                        await self._lead()
            finally:
                await self._elector.release()

    async def _lead(self) -> None:
        """Reconcile until the Lease is lost or the process should exit; then stop reconciling before anything else."""
        metrics.leading.set(1)
        logger.info("leading", transitions=self._elector.transitions, fence=self._elector.fence)
        queue, store, references = WorkQueue(), ObjectStore(owner_key), References()
        stop, ready = asyncio.Event(), asyncio.Event()

        def changed(key: OwnerKey) -> None:
            """Queue a changed custom resource and those that refer to it."""
            for each in (key, *references.to(key)):
                queue.add(each)

        # Created before kopf starts, because kopf cancels tasks that were created later.
        lease = asyncio.create_task(self._elector.hold(), name="lease")
        acting = asyncio.create_task(self._act(queue, store, references), name="acting")
        ended = asyncio.create_task(self._quit.wait(), name="quit")
        restore = asyncio.create_task(self._restore_signals(ready), name="signals")
        namespaces = self._settings.watch_namespaces
        kopf = asyncio.create_task(
            kopf_app.watch(names.KINDS, self._kube.credentials, namespaces, changed, stop, ready), name="kopf"
        )
        try:
            done, _ = await asyncio.wait({lease, acting, ended, kopf}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(acting, restore)
            queue.close()
            stop.set()
            await asyncio.wait({kopf}, timeout=STOP_SECONDS)
            await _cancel(lease, ended, kopf)
            self._controller = None
            metrics.leading.set(0)
        if ended in done:
            logger.info("stopping", reason="signal received")
        elif lease in done and lease.exception() is None:
            logger.info("stopping", reason=lease.result())
        else:
            _raise_failure(lease, acting, kopf)
            # Until it is ready, kopf handles signals itself and returns.
            logger.info("stopping", reason="kopf received a signal")
            self._quit.set()

    async def _act(self, queue: WorkQueue, store: ObjectStore[OwnerKey], references: References) -> None:
        """Fill the store, then reconcile: with an incomplete store, existing objects would seem missing."""
        settings = self._settings

        def changed(obj: Json) -> None:
            """Queue the custom resource that an object belongs to."""
            if (key := owner_key(obj)) is not None:
                queue.add(key)

        informers = [
            Informer(self._kube, api, namespace, store, changed, SELECTOR)
            for api in (*OWNED, POD, ENDPOINT_SLICE)
            for namespace in settings.watch_namespaces or (None,)
        ]
        nodes = Nodes()
        async with PodClient(self._elector.fence) as client, asyncio.TaskGroup() as group:
            for informer in informers:
                group.create_task(informer.run())
            # Not waited for: pools work without zones and node drains.
            group.create_task(Informer(self._kube, NODE, None, nodes).run())
            self._unsynced_since = time.monotonic()
            for informer in informers:
                await informer.synced.wait()
            keys = await self._keys()
            self._unsynced_since = None
            recorder = Recorder(self._kube, f"{names.GROUP}/operator", settings.pod)
            context = Context(self._kube, store, keys, StatusWriter(self._kube, recorder), recorder, references)
            sampler = Sampler(store, client, nodes.unschedulable, queue.add)
            pools = PoolReconciler(context, settings.signaling_image, queue.add, client, sampler, nodes)
            self._controller = Controller(self._reconcilers(context, pools), queue)
            group.create_task(sampler.run())
            group.create_task(self._controller.run())

    def _reconcilers(self, context: Context, pools: PoolReconciler) -> dict[str, Reconciler]:
        settings = self._settings
        return {
            names.SIGNALING_POOL.kind: pools.reconcile,
            names.TURN_FLEET.kind: FleetReconciler(context, settings.turn_image).reconcile,
            names.REDIS_CLUSTER.kind: ClusterReconciler(context, settings.redis_image, settings.namespace).reconcile,
        }

    async def _keys(self) -> Keys:
        """Wait for the root key, without which no Secret can be created, and return the keys."""
        while True:
            try:
                return await load_keys(self._kube, self._settings.namespace, f"{self._settings.lease}-key")
            except KubeError as error:
                logger.error("root_key_unavailable", error=str(error))  # noqa: TRY400 (not a bug)
                await asyncio.sleep(KEY_SECONDS)

    async def _restore_signals(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self._set_signals()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        self._set_signals()
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)

    def _set_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._quit.set)

    async def _until_quit(self, waiting: Coroutine[Any, Any, None]) -> bool:
        """Wait for a coroutine, or until the process should exit; return whether it should."""
        task = asyncio.create_task(waiting)
        ended = asyncio.create_task(self._quit.wait())
        try:
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            return self._quit.is_set()
        finally:
            await _cancel(task, ended)

    def _alive(self) -> str | None:
        stalled = self._controller.stalled_for if self._controller else 0.0
        return f"no progress on the work queue for {stalled:.0f} s" if stalled > STALL_SECONDS else None

    def _ready(self) -> str | None:
        """Return the problem, or None; a replica that waits for the Lease is ready."""
        since = self._unsynced_since
        if since is not None and time.monotonic() - since > SYNC_SECONDS:
            return "the objects of the cluster cannot be listed; the log has the failing request"
        return None


def _raise_failure(*ended: asyncio.Task[Any]) -> None:
    """Raise OperatorError for the first task that failed, if one did."""
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("task_failed", task=task.get_name(), exc_info=error)
            remedy = "Remedy: read the traceback in the log; the process exits to be restarted"
            raise OperatorError(f"Task {task.get_name()} failed: {error!r}. {remedy}") from error


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def run(settings: OperatorSettings) -> None:
    """Run one replica of the operator until SIGTERM or SIGINT. Raises KubeError or OperatorError."""
    kube = await Kube.load(names.FIELD_MANAGER, metrics.count_request)
    try:
        await Operator(kube, settings).run()
    finally:
        await kube.close()
