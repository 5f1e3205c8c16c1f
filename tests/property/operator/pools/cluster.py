"""A small model of Kubernetes with signaling pods and their clients, in which every actor may be slow.

What is modelled: ReplicaSets that make and remove pods by Kubernetes' own order, pods that start or never do,
EndpointSlices that lag, clients that follow a `goaway` when they like, cordoned nodes, containers that restart,
and an operator whose commands may be cut off anywhere.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

from tests.unit.operator.examples import pool

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools import drain
from switchboard_operator.pools.drain import (
    Annotate,
    Command,
    Cordon,
    DeleteReplicaSet,
    GoAway,
    Scale,
    UnexpectedVictim,
)
from switchboard_operator.pools.plan import Plan, plan
from switchboard_operator.pools.rollout import Target, target_of
from switchboard_operator.pools.samples import Sample
from switchboard_operator.pools.snapshot import Observed, PodSnapshot, RevisionPods, Stage, removal_order

CAPACITY = 20


@dataclass
class SimPod:
    name: str
    set_name: str
    zone: str
    broken: bool
    marks: PodSnapshot
    sessions: list[int] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    cordoned: bool = False
    unschedulable: bool = False
    capacity: int = CAPACITY

    def seen(self) -> PodSnapshot:
        """Return the pod as the operator sees it."""
        sample = None
        if self.marks.started:
            sample = Sample(0, len(self.sessions), len(self.sessions), len(self.asked), self.capacity, self.cordoned)
        return replace(self.marks, sample=sample, evacuate=self.unschedulable, zone=self.zone)


@dataclass
class Cluster:
    random: Random
    target: Target
    broken: frozenset[str] = frozenset()
    """Revisions whose pods never serve."""
    timeout: int = 86400
    force: bool = False
    loss: float = 0.0
    """Part of the orders that do not arrive."""
    capacity: int = CAPACITY
    """Sessions that a pod takes."""
    rebalances: Callable[[], bool] | None = None
    """Whether a rebalancing may begin; None: sessions are never moved for that."""
    pods: list[SimPod] = field(default_factory=list)
    sets: dict[str, RevisionPods] = field(default_factory=dict)
    unplaced: list[int] = field(default_factory=list)
    """Sessions whose client looks for a pod."""
    moves: Counter[int] = field(default_factory=Counter)
    killed: list[str] = field(default_factory=list)
    """Pods that a ReplicaSet removed while they held sessions."""
    made: int = 0
    now: float = 0.0

    # The operator

    def observed(self) -> dict[str, RevisionPods]:
        return {
            name: replace(
                item,
                pods=tuple(
                    sorted(
                        (pod.seen() for pod in self.pods if pod.set_name == name),
                        key=lambda pod: (*removal_order(pod), pod.name),
                    )
                ),
            )
            for name, item in self.sets.items()
        }

    def plan(self) -> Plan:
        """Return the plan that the operator would make of what it sees."""
        observed = Observed(self.target.current, self.observed())
        return plan(self.spec(), observed, self.now)

    def spec(self) -> SignalingPool:
        """Return the pool that asks for the target."""
        target, canary = self.target, self.target.canary
        rollout: dict[str, Any] = {"maxSurge": target.surge, "paused": target.paused}
        if canary is not None:
            rollout["canary"] = {"percent": self.percent(canary.pods), "minReadySeconds": int(canary.min_ready)}
        found = pool(
            status={} if self.rebalances is None or self.rebalances() else {"lastMoveTime": self.clock()},
            replicas=target.replicas,
            rollout=rollout,
            drain={"timeoutSeconds": self.timeout, "onTimeout": "Force" if self.force else "Wait"},
            rebalance={"mode": "Disabled" if self.rebalances is None else "Auto"},
        )
        trial = replace(canary, now=self.now) if canary else None
        assert target_of(found, target.replicas, target.current, self.now) == replace(target, canary=trial)
        return found

    def percent(self, pods: int) -> int:
        """Return what part of the replicas comes to so many pods."""
        return max(1, 100 * pods // max(1, self.target.replicas))

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def operate(self, cut: int | None = None) -> drain.Steps:
        """Plan, and carry out the first `cut` commands; commands to different objects arrive in any order."""
        found = self.plan().steps
        commands: list[Command] = []
        for lists in drain.chains(found.commands):
            self.random.shuffle(lists)
            commands += [command for one in lists for command in one]
        for command in commands[:cut]:
            self.do(command)
        return found

    def do(self, command: Command) -> None:
        match command:
            case Annotate(pod=pod, stage=stage, since=since):
                self.pod(pod.name).marks = replace(self.pod(pod.name).marks, stage=stage, since=since)
            case Cordon(pod=pod, cordoned=cordoned):
                if self.random.random() >= self.loss:
                    self.pod(pod.name).cordoned = cordoned
            case GoAway(pod=pod, count=count):
                found = self.pod(pod.name)
                found.asked |= set([one for one in found.sessions if one not in found.asked][:count])
            case Scale(replica_set=name, replicas=replicas, removing=removing):
                assert replicas >= 0
                new = RevisionPods(name, 0, created=f"{self.now:09.1f}")
                self.sets[name] = replace(self.sets.get(name, new), replicas=replicas)
                self.sets[name] = replace(self.sets[name], removing=frozenset(removing))
            case DeleteReplicaSet(replica_set=name):
                assert not [pod for pod in self.pods if pod.set_name == name]
                assert not self.sets[name].replicas
                del self.sets[name]
            case UnexpectedVictim(replica_set=name):
                self.sets[name] = replace(self.sets[name], removing=frozenset())

    def pod(self, name: str) -> SimPod:
        return next(pod for pod in self.pods if pod.name == name)

    # Everybody else

    def replica_set(self, name: str) -> None:
        """Have a ReplicaSet's controller do one thing."""
        own = [pod for pod in self.pods if pod.set_name == name]
        replicas = self.sets[name].replicas
        if len(own) < replicas:
            self.made += 1
            new = PodSnapshot(
                f"{name}-{self.made:04}", f"uid-{self.made:04}", name,
                ready=False, assigned=False, pending=True, started=False,
            )  # fmt: skip
            zone = self.random.choice("abc")
            self.pods.append(SimPod(new.name, name, zone, name in self.broken, new, capacity=self.capacity))
        elif len(own) > replicas:
            victim = min(own, key=lambda pod: (removal_order(pod.seen()), self.random.random()))
            self.remove(victim)

    def remove(self, pod: SimPod) -> None:
        if pod.sessions:
            self.killed.append(pod.name)
        self.pods.remove(pod)
        self.unplaced += pod.sessions

    def start(self, pod: SimPod) -> None:
        """Have a pod come one step nearer to serving."""
        marks = pod.marks
        if not marks.assigned:
            pod.marks = replace(marks, assigned=not pod.unschedulable)
        elif marks.pending:
            pod.marks = replace(marks, pending=False)
        elif not pod.broken:
            pod.marks = replace(marks, started=True, ready=True, ready_since=marks.ready_since or self.now)

    def restart(self, pod: SimPod) -> None:
        """Restart a pod's container: its clients look for other pods, and it is no longer cordoned."""
        self.unplaced += pod.sessions
        pod.sessions, pod.cordoned = [], False
        pod.asked = set()
        restarts = pod.marks.restarts + 1
        pod.marks = replace(pod.marks, started=False, ready=False, ready_since=None, restarts=restarts, offered=False)

    def endpoints(self) -> None:
        for pod in self.pods:
            pod.marks = replace(pod.marks, offered=pod.marks.ready and pod.marks.stage is Stage.SERVING)

    def offered(self) -> list[SimPod]:
        """Return the pods that take a client now."""
        return [pod for pod in self.pods if pod.marks.offered and not pod.cordoned and len(pod.sessions) < pod.capacity]

    def client(self, session: int) -> None:
        """Have a client that looks for a pod find one."""
        if places := self.offered():
            self.unplaced.remove(session)
            self.random.choice(places).sessions.append(session)

    def follow(self, pod: SimPod) -> None:
        """Have a client that was asked to move do so."""
        session = min(pod.asked)
        if places := [place for place in self.offered() if place is not pod]:
            self.random.choice(places).sessions.append(session)
            pod.sessions.remove(session)
            pod.asked.discard(session)
            self.moves[session] += 1

    def step(self) -> None:
        """Let a random actor do one thing."""
        todo: list[Callable[[], None]] = [self.endpoints]
        todo += [partial(self.replica_set, name) for name in self.sets]
        for pod in self.pods:
            if not pod.marks.ready:
                todo.append(partial(self.start, pod))
            if pod.asked:
                todo += [partial(self.follow, pod)] * 3
        todo += [partial(self.client, session) for session in self.unplaced]
        self.random.choice(todo)()

    def settle(self) -> None:
        """Have everybody do all that there is to do."""
        before = None
        while before != (before := [(pod.name, pod.marks) for pod in self.pods]):
            for name in list(self.sets):
                self.replica_set(name)
            for pod in self.pods:
                self.start(pod)
            self.endpoints()
        for pod in self.pods:
            while pod.asked and any(place is not pod for place in self.offered()):
                self.follow(pod)
        for session in list(self.unplaced):
            self.client(session)

    def run(self, steps: int) -> drain.Steps:
        """Let everything come to rest; fail if it does not."""
        for _ in range(steps):
            self.operate()
            self.now += 1
            self.settle()
            if not (found := self.plan().steps).commands:
                return found
        raise AssertionError(f"no end: {found.commands}, {self.observed()}")

    def sessions(self) -> list[int]:
        return sorted([one for pod in self.pods for one in pod.sessions] + self.unplaced)


def serving(random: Random, replicas: int, sessions: int, revision: str = "v1", capacity: int = CAPACITY) -> Cluster:
    """Return a pool at rest, with its sessions spread over its pods."""
    cluster = Cluster(random, Target(replicas, revision), capacity=capacity)
    cluster.run(10)
    cluster.unplaced = list(range(min(sessions, replicas * capacity)))
    cluster.settle()
    return cluster
