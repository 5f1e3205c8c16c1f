"""A small model of Kubernetes with signaling pods and their clients, in which every actor may be slow.

What is modelled: ReplicaSets that make and remove pods by Kubernetes' own order, pods that start or never do,
EndpointSlices that lag, clients that follow a `goaway` when they like, nodes that are closed, containers that restart,
and an operator whose commands may be cut off anywhere.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from switchboard_operator.pools import drain
from switchboard_operator.pools.drain import Command, Discard, Give, Mark, Resize, Spared, Tell
from switchboard_operator.pools.fleet import Pod, Set, Stage, removal_order
from switchboard_operator.pools.rebalance import Terms, rebalance
from switchboard_operator.pools.rollout import Wish, place
from switchboard_operator.pools.samples import Sample

CAPACITY = 20


@dataclass
class SimPod:
    name: str
    set_name: str
    zone: str
    broken: bool
    marks: Pod
    sessions: list[int] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    cordoned: bool = False
    closed_node: bool = False
    capacity: int = CAPACITY

    def seen(self) -> Pod:
        """Return the pod as the operator sees it."""
        sample = None
        if self.marks.started:
            sample = Sample(0, len(self.sessions), len(self.sessions), len(self.asked), self.capacity, self.cordoned)
        return replace(self.marks, sample=sample, evacuate=self.closed_node, zone=self.zone)


@dataclass
class Cluster:
    random: Random
    wish: Wish
    broken: frozenset[str] = frozenset()
    """Revisions whose pods never serve."""
    timeout: float = 1e9
    force: bool = False
    loss: float = 0.0
    """Part of the orders that do not arrive."""
    capacity: int = CAPACITY
    """Sessions that a pod takes."""
    rebalances: Callable[[], bool] | None = None
    """Whether a rebalancing may begin; None: sessions are never moved for that."""
    pods: list[SimPod] = field(default_factory=list)
    sets: dict[str, Set] = field(default_factory=dict)
    homeless: list[int] = field(default_factory=list)
    """Sessions whose client looks for a pod."""
    moves: Counter[int] = field(default_factory=Counter)
    killed: list[str] = field(default_factory=list)
    """Pods that a ReplicaSet removed while they held sessions."""
    made: int = 0
    now: float = 0.0

    # The operator

    def observed(self) -> dict[str, Set]:
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

    def plan(self) -> drain.Steps:
        sets = self.observed()
        trial = replace(self.wish.canary, now=self.now) if self.wish.canary else None
        placed = place(replace(self.wish, canary=trial), sets)
        if self.rebalances is not None:
            placed = rebalance(placed, sets, Terms(0, self.rebalances(), self.now))
        return drain.steps(placed, sets, self.wish.current, self.now, self.timeout, force=self.force)

    def operate(self, cut: int | None = None) -> drain.Steps:
        """Plan, and carry out the first `cut` commands."""
        found = self.plan()
        for command in found.commands[:cut]:
            self.do(command)
        return found

    def do(self, command: Command) -> None:
        match command:
            case Mark(pod=pod, stage=stage, since=since):
                self.pod(pod.name).marks = replace(self.pod(pod.name).marks, stage=stage, since=since)
            case Tell(pod=pod, refuse=refuse):
                if self.random.random() >= self.loss:
                    self.pod(pod.name).cordoned = refuse
            case Give(pod=pod, count=count):
                found = self.pod(pod.name)
                found.asked |= set([one for one in found.sessions if one not in found.asked][:count])
            case Resize(set=name, replicas=replicas, removing=removing):
                assert replicas >= 0
                new = Set(name, 0, created=f"{self.now:09.1f}")
                self.sets[name] = replace(self.sets.get(name, new), replicas=replicas)
                self.sets[name] = replace(self.sets[name], removing=frozenset(removing))
            case Discard(set=name):
                assert not [pod for pod in self.pods if pod.set_name == name]
                assert not self.sets[name].replicas
                del self.sets[name]
            case Spared(set=name):
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
            blank = Pod(
                f"{name}-{self.made:04}", f"uid-{self.made:04}", name,
                ready=False, assigned=False, pending=True, started=False,
            )  # fmt: skip
            zone = self.random.choice("abc")
            self.pods.append(SimPod(blank.name, name, zone, name in self.broken, blank, capacity=self.capacity))
        elif len(own) > replicas:
            victim = min(own, key=lambda pod: (removal_order(pod.seen()), self.random.random()))
            self.remove(victim)

    def remove(self, pod: SimPod) -> None:
        if pod.sessions:
            self.killed.append(pod.name)
        self.pods.remove(pod)
        self.homeless += pod.sessions

    def start(self, pod: SimPod) -> None:
        """Have a pod come one step nearer to serving."""
        marks = pod.marks
        if not marks.assigned:
            pod.marks = replace(marks, assigned=not pod.closed_node)
        elif marks.pending:
            pod.marks = replace(marks, pending=False)
        elif not pod.broken:
            pod.marks = replace(marks, started=True, ready=True, ready_since=marks.ready_since or self.now)

    def restart(self, pod: SimPod) -> None:
        """Have a pod's container restart: its clients look elsewhere, and it forgets that it was told to refuse."""
        self.homeless += pod.sessions
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
            self.homeless.remove(session)
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
        """Have somebody do something."""
        todo: list[Callable[[], None]] = [self.endpoints]
        todo += [partial(self.replica_set, name) for name in self.sets]
        for pod in self.pods:
            if not pod.marks.ready:
                todo.append(partial(self.start, pod))
            if pod.asked:
                todo += [partial(self.follow, pod)] * 3
        todo += [partial(self.client, session) for session in self.homeless]
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
        for session in list(self.homeless):
            self.client(session)

    def run(self, steps: int) -> drain.Steps:
        """Let everything come to rest; fail if it does not."""
        for _ in range(steps):
            self.operate()
            self.now += 1
            self.settle()
            if not (found := self.plan()).commands:
                return found
        raise AssertionError(f"no end: {found.commands}, {self.observed()}")

    def sessions(self) -> list[int]:
        return sorted([one for pod in self.pods for one in pod.sessions] + self.homeless)


def serving(random: Random, replicas: int, sessions: int, revision: str = "v1", capacity: int = CAPACITY) -> Cluster:
    """Return a pool at rest, with its sessions spread over its pods."""
    cluster = Cluster(random, Wish(replicas, revision), capacity=capacity)
    cluster.run(10)
    cluster.homeless = list(range(min(sessions, replicas * capacity)))
    cluster.settle()
    return cluster
