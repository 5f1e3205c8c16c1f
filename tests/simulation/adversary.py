"""Schedules: what people do and what goes wrong, when; made from a seed, and made smaller when they break something."""

import random
from collections import Counter
from dataclasses import dataclass

from tests.simulation.invariants import ViolationError
from tests.simulation.pages import User
from tests.simulation.pods import Pod
from tests.simulation.world import TIMEOUTS, WINDOW, World

TROUBLE_SECONDS = 45.0
"""Within this time everything happens; afterwards the world is left alone."""
SETTLE_SECONDS = WINDOW + 2 * TIMEOUTS.idle_heartbeat_ms / 1000 + 20
"""Resume window and two heartbeats, and the time in which a silent socket is noticed and replaced."""

ACTS = ("join", "join", "join", "leave", "skip", "say", "say", "say", "say")
PAGE_FAULTS = ("cut", "cut", "offline", "reload", "duplicate", "sleep", "vanish")
POD_FAULTS = ("kill", "pause", "drain", "step-pod-clock")
STORE_FAULTS = ("lose-hints", "double-hints", "outage", "repeat-questions", "wipe", "fail-over", "step-store-clock")
FAULTS = tuple(dict.fromkeys(PAGE_FAULTS + POD_FAULTS + STORE_FAULTS))
TOLERATED = ("kill", "pause", "wipe", "fail-over", "offline", "cut", "drain", "lose-hints", "outage")
"""One of these alone ends no match."""
MOST_USERS = 5
STEPS = ("offline", "idle", "queued", "forming", "met")


@dataclass(frozen=True)
class Act:
    """Something that happens at `at` seconds to number `who`; `size` from 0 to 1 says how much of it."""

    at: float
    kind: str
    who: int
    size: float

    def __str__(self) -> str:
        return f"{self.at:6.2f} s  {self.kind:<16} {self.who}  {self.size:.2f}"


@dataclass(frozen=True)
class Schedule:
    """A whole run; `keep` holds the numbers of the acts that are carried out, None all; `world` draws other delays."""

    seed: int
    keep: tuple[int, ...] | None = None
    world: int = 0

    @property
    def honest(self) -> bool:
        return self.seed % 4 == 0

    def acts(self) -> dict[int, Act]:
        """Return the acts by their number."""
        chance = random.Random(f"schedule {self.seed}")
        acts = _honest(chance) if self.honest else _chaos(chance)
        numbered = dict(enumerate(sorted(acts, key=lambda act: act.at)))
        return numbered if self.keep is None else {number: numbered[number] for number in self.keep}


def _honest(chance: random.Random) -> list[Act]:
    acts = [Act(chance.uniform(0.5, 3), "join", who, 0) for who in range(MOST_USERS)]
    acts += [Act(chance.uniform(1, TROUBLE_SECONDS), "say", chance.randrange(MOST_USERS), 0) for _ in range(40)]
    at = chance.choice((chance.uniform(0, 25), chance.uniform(0, 4)))
    return [*acts, Act(at, chance.choice(TOLERATED), chance.randrange(MOST_USERS), chance.random())]


def _chaos(chance: random.Random) -> list[Act]:
    acts = [Act(chance.uniform(0.5, 6), "join", who, 0) for who in range(MOST_USERS)]
    for kinds, most in ((ACTS, 50), (PAGE_FAULTS, 4), (POD_FAULTS, 3), (STORE_FAULTS, 3)):
        for _ in range(chance.randint(0, most)):
            near = chance.choice(acts)
            soon = chance.random() < 0.5  # right after something else, where most frames are on their way
            at = near.at + chance.uniform(0, 0.4) if soon else chance.uniform(0, TROUBLE_SECONDS)
            who = near.who if soon and chance.random() < 0.5 else chance.randrange(MOST_USERS)
            acts.append(Act(min(at, TROUBLE_SECONDS), chance.choice(kinds), who, chance.random()))
    return acts


class Run:
    """A schedule in a world of its own."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.world = World(f"world {schedule.seed}" + (f" {schedule.world}" if schedule.world else ""))
        self.world.watch.honest = schedule.honest
        self.pods: dict[str, Pod] = {}
        for _ in range(2 + schedule.seed % 2):
            self._start_pod()
        self.users = [User(self.world, number, self.pods) for number in range(MOST_USERS - schedule.seed % 3)]
        self.reached: Counter[tuple[str, str]] = Counter()

    def go(self) -> None:
        """Carry the schedule out; raises ViolationError."""
        start = self.world.now
        for act in self.schedule.acts().values():
            self.world.run(start + act.at)
            self._do(act)
        self.world.run(start + TROUBLE_SECONDS + SETTLE_SECONDS)
        self.world.watch.finish(self.users)

    def _do(self, act: Act) -> None:
        user = self.users[act.who % len(self.users)]
        if user.gone:
            return
        if act.kind in PAGE_FAULTS:
            self.reached[act.kind, user.page.step] += 1
            self._trouble_page(act, user)
        elif act.kind in FAULTS:
            for one in self.users:
                self.reached[act.kind, one.page.step] += 1
            (self._trouble_pod if act.kind in POD_FAULTS else self._trouble_store)(act)
        elif act.kind == "join":
            user.join()
        elif act.kind == "say":
            user.say()
        else:
            user.leave("skip" if act.kind == "skip" else "user")

    def _left(self, most: float, act: Act) -> float:
        """How long a lasting trouble lasts: all are over in time."""
        return min(most * act.size, TROUBLE_SECONDS - act.at)

    def _trouble_page(self, act: Act, user: User) -> None:
        page = user.page
        match act.kind:
            case "cut" if page.link is not None:
                page.link.fuse = int(act.size * 8)
            case "offline":
                page.go_offline(self._left(20, act))
            case "reload":
                user.reload()
            case "duplicate":
                user.duplicate()
            case "sleep":
                page.pause(self._left(40, act))
            case "vanish":
                user.vanish()

    def _trouble_pod(self, act: Act) -> None:
        living = [pod for pod in self.pods.values() if not pod.dead and not pod.draining]
        pod = living[act.who % len(living)]
        match act.kind:
            case "kill":
                pod.kill()
                self._start_pod()
            case "pause":
                pod.pause(self._left(40, act))
            case "drain":
                pod.drain(within=5 + 10 * act.size)
                self._start_pod()
            case "step-pod-clock":
                pod.clock_step = 120 * (act.size - 0.5)

    def _trouble_store(self, act: Act) -> None:
        world, store = self.world, self.world.store
        match act.kind:
            case "lose-hints":
                world.hints_lost = act.size
                world.at(self._left(30, act), None, lambda: setattr(world, "hints_lost", 0.0))
            case "double-hints":
                world.hints_doubled = act.size
                world.at(self._left(30, act), None, lambda: setattr(world, "hints_doubled", 0.0))
            case "repeat-questions":
                store.doubling = act.size / 2
                world.at(self._left(30, act), None, lambda: setattr(store, "doubling", 0.0))
            case "outage":
                store.go_away(self._left(60, act))
            case "wipe":
                store.wipe()
            case "fail-over":
                store.fail_over(self._left(3, act))
            case "step-store-clock":
                store.clock_step += 60 * (act.size - 0.5)

    def _start_pod(self) -> None:
        Pod(self.world, f"pod-{len(self.pods)}", self.pods)


def broken(schedule: Schedule) -> ViolationError | None:
    """Return what a schedule breaks, if it does."""
    try:
        Run(schedule).go()
    except ViolationError as violation:
        return violation
    return None


def shrink(schedule: Schedule, rule: str) -> Schedule:
    """Return a schedule that breaks the same rule with as few acts as leaving out one after the other finds."""
    keep = list(schedule.acts())
    size = max(1, len(keep) // 2)
    while size:
        for start in range(len(keep) - size, -1, -size):
            fewer = Schedule(schedule.seed, tuple(keep[:start] + keep[start + size :]))
            found = broken(fewer)
            if found is not None and found.rule == rule:
                keep = list(fewer.keep or ())
        size = min(size // 2, len(keep))
    return Schedule(schedule.seed, tuple(keep))


def report(schedule: Schedule, violation: ViolationError) -> str:
    """Return the smallest schedule found that breaks the same rule, and how to see it again."""
    small = shrink(schedule, violation.rule)
    acts = small.acts()
    numbers = ",".join(map(str, acts))
    lines = [str(broken(small) or violation), *(f"  {act}" for act in acts.values())]
    return "\n".join([*lines, f"again: make simulate SEED={schedule.seed} ONLY={numbers}"])
