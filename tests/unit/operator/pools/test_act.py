"""What becomes of each command, which may run at once, and what is done about a failure."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.operator.kube.fake import refusal
from tests.unit.operator.pools.world import KEY, World

from switchboard_crds import names
from switchboard_operator.kube import ApiError
from switchboard_operator.kube.resources import POD, REPLICA_SET
from switchboard_operator.pools import act, objects
from switchboard_operator.pools.act import Actor
from switchboard_operator.pools.drain import (
    Annotate,
    Command,
    Cordon,
    DeleteReplicaSet,
    GoAway,
    Scale,
    UnexpectedVictim,
)
from switchboard_operator.pools.pods import Access
from switchboard_operator.pools.snapshot import Observed, PodSnapshot, RevisionPods, Stage

MANY = [f"pod-{number:02}" for number in range(40)]


class Acting(World):
    """A pool at rest, and an actor for it."""

    async def perform(self, *commands: Command, observed: Observed | None = None) -> bool:
        access = Access.to(self.pool.metadata.uid, self.context.keys)
        revision = objects.revision(self.pool, "signaling:1", None)
        client: Any = self.pods
        actor = Actor(self.context, client, self.sampler, self.live, self.pool, revision, access)
        self.kube.calls.clear()
        return await actor.perform(observed or Observed(), commands)

    @property
    def name(self) -> str:
        return str(self.current["metadata"]["name"])


@pytest.fixture
async def world() -> Acting:
    found = Acting()
    found.apply(replicas=2)
    await found.reconcile()
    found.run_pods(a=5, b=3)
    await found.sampler.refresh(KEY)
    return found


def snapshot(name: str, uid: str | None = None) -> PodSnapshot:
    return PodSnapshot(name, uid or f"uid-of-{name}", "new")


async def test_a_stage_is_annotated_on_the_pod(world: Acting) -> None:
    await world.perform(Annotate(snapshot("a"), Stage.DRAINING, 100.0), Annotate(snapshot("b"), Stage.CORDONED, None))
    a, b = (world.kube.found(POD, name)["metadata"]["annotations"] for name in "ab")
    assert (a[names.ANNOTATION_DRAIN], b[names.ANNOTATION_DRAIN]) == ("Draining", "Cordoned")
    assert a[names.ANNOTATION_DRAIN_STARTED] == "1970-01-01T00:01:40.000+00:00"
    assert names.ANNOTATION_DRAIN_STARTED not in b


async def test_a_command_reaches_the_pod_and_its_sample_is_kept(world: Acting) -> None:
    await world.perform(Cordon(snapshot("a"), True), Cordon(snapshot("b"), False))
    assert sorted(world.pods.orders) == ["cordon a", "uncordon b"]
    sample = world.sampler.history(KEY).sample("uid-of-a", 0.0)
    assert sample is not None
    assert sample.cordoned


async def test_after_sessions_were_asked_to_move_the_pods_are_sampled_again(world: Acting) -> None:
    before = len(world.sampler.history(KEY).observations)
    await world.perform(Cordon(snapshot("a"), True))
    assert len(world.sampler.history(KEY).observations) == before
    await world.perform(GoAway(snapshot("a"), 3))
    assert world.pods.orders[-1] == "goaway 3 a"
    assert len(world.sampler.history(KEY).observations) == before + 1


@pytest.mark.parametrize("command", [Annotate, Cordon, GoAway])
async def test_a_deleted_pod_receives_no_command(world: Acting, command: type) -> None:
    arguments = {Annotate: (Stage.DRAINED, None), Cordon: (True,), GoAway: (1,)}[command]
    for pod in (snapshot("gone"), snapshot("a", "uid-of-an-earlier-one")):
        assert not await world.perform(command(pod, *arguments))
    assert world.kube.writes == []
    assert world.pods.orders == []


async def test_a_command_is_repeated_for_a_pod_without_address_or_answer(world: Acting) -> None:
    silent, new = world.pod("silent"), world.pod("new")
    del new["status"]["podIP"]
    for pod in (silent, new):
        world.context.store.put(POD, world.kube.change(pod))
    orders = [Cordon(snapshot(name), True) for name in ("silent", "new", "a")]
    assert not await world.perform(*orders)
    assert world.pods.orders == ["cordon a"]


async def test_a_replica_set_is_scaled_and_its_victims_are_recorded(world: Acting) -> None:
    await world.perform(Scale(world.name, 1, ("uid-of-a", "uid-of-b")))
    assert world.current["spec"]["replicas"] == 1
    assert world.current["metadata"]["annotations"][names.ANNOTATION_REMOVING] == "uid-of-a,uid-of-b"
    await world.perform(Scale(world.name, 3))
    assert names.ANNOTATION_REMOVING not in world.current["metadata"]["annotations"]


async def test_an_obsolete_replica_set_is_deleted(world: Acting) -> None:
    await world.perform(DeleteReplicaSet("no-more"), DeleteReplicaSet(world.name))
    assert world.kube.of(REPLICA_SET) == []


async def test_the_current_replica_set_is_applied_with_its_own_replicas(world: Acting) -> None:
    name = world.name
    changed = world.kube.found(REPLICA_SET, name)
    changed["spec"]["template"]["spec"]["serviceAccountName"] = "other"
    world.context.store.put(REPLICA_SET, world.kube.change(changed))
    there = Observed(name, {name: RevisionPods(name, 2)})
    assert not await world.perform(observed=there)
    assert world.current["spec"]["template"]["spec"]["serviceAccountName"] == "calls-signaling"
    assert world.current["spec"]["replicas"] == 2


async def test_an_unexpected_victim_is_reported_once(world: Acting) -> None:
    await world.perform(Scale(world.name, 1, ("uid-of-a",)))
    spared = UnexpectedVictim(world.name, ("a",))
    world.kube.failures["PATCH replicasets"] = refusal(409, "Conflict")
    assert await world.perform(spared)
    assert world.events("OtherPodRemoved") == [], "it will be tried again"
    world.kube.failures.clear()
    assert not await world.perform(spared)
    assert world.events("OtherPodRemoved") == [f"ReplicaSet {world.name} removed a pod other than the drained a."]
    assert names.ANNOTATION_REMOVING not in world.current["metadata"]["annotations"]
    assert world.current["spec"]["replicas"] == 1


async def test_commands_are_sent_to_a_limited_number_of_pods_concurrently(world: Acting) -> None:
    for name in MANY:
        world.context.store.put(POD, world.kube.change(world.pod(name)))
        world.pods.holds(name)
    await world.perform(*(Cordon(snapshot(name), True) for name in MANY))
    assert len(world.pods.orders) == len(MANY)
    assert world.pods.most_busy == act.PARALLEL


async def test_commands_for_one_object_keep_their_order_and_pods_precede_replica_sets(world: Acting) -> None:
    back = [Cordon(snapshot("a"), False), Annotate(snapshot("a"), Stage.SERVING, None)]
    await world.perform(Scale(world.name, 4), Scale(world.name, 3), *back)
    assert world.kube.writes == ["PATCH pods/a", f"PATCH replicasets/{world.name}", f"PATCH replicasets/{world.name}"]
    assert world.pods.orders == ["uncordon a"]
    assert world.current["spec"]["replicas"] == 3


async def test_a_failure_skips_the_following_commands_but_not_those_of_other_pods(world: Acting) -> None:
    world.kube.failures["PATCH pods/a"] = refusal(500, "InternalError")
    commands: Sequence[Command] = (
        Annotate(snapshot("a"), Stage.CORDONED, None),
        Annotate(snapshot("b"), Stage.CORDONED, None),
        Scale(world.name, 7),
    )
    with pytest.raises(ApiError):
        await world.perform(*commands)
    assert world.kube.found(POD, "b")["metadata"]["annotations"][names.ANNOTATION_DRAIN] == "Cordoned"
    assert world.current["spec"]["replicas"] == 2


async def test_the_replica_set_of_a_new_revision_is_created(world: Acting) -> None:
    world.apply(replicas=2, allowedOrigins=["https://example.org"])
    revision = objects.revision(world.pool, "signaling:1", None)
    name = objects.replica_set_name(world.pool, revision)
    await world.perform(Scale(name, 2))
    assert world.kube.found(REPLICA_SET, name)["spec"]["replicas"] == 2
