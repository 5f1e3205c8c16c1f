"""Schedules of user actions and faults, generated from a seed and shrunk when they break an invariant."""

import random
from collections import Counter
from dataclasses import dataclass, replace

from tests.simulation.invariants import ViolationError
from tests.simulation.pages import User
from tests.simulation.pods import Pod
from tests.simulation.world import TIMEOUTS, WINDOW, World

TROUBLE_SECONDS = 45.0
"""All actions and faults happen within this time; afterwards the world is left alone."""
SETTLE_SECONDS = WINDOW + 2 * TIMEOUTS.idle_heartbeat_ms / 1000 + 20
"""The resume window, two heartbeats, and the time to notice and replace a silent socket."""

ACTS = ("join", "join", "join", "leave", "skip", "say", "say", "say", "say")
CHANGES = ("leave", "skip")
PAGE_FAULTS = ("cut", "cut", "offline", "reload", "duplicate", "sleep", "vanish")
POD_FAULTS = ("kill", "pause", "drain", "step-pod-clock")
STORE_FAULTS = ("lose-hints", "double-hints", "outage", "repeat-questions", "wipe", "fail-over", "step-store-clock")
FAULTS = tuple(dict.fromkeys(PAGE_FAULTS + POD_FAULTS + STORE_FAULTS))
TOLERATED = ("kill", "pause", "wipe", "fail-over", "offline", "cut", "drain", "lose-hints", "outage")
"""One of these alone ends no match."""
MOST_USERS = 5
STEPS = (
    "offline", "dialing", "greeting", "resuming", "moving",
    "idle", "joining", "queued", "proposed", "entering", "opening", "met", "speaking",
)  # fmt: skip
"""A page's progress, in the order of a call (`Page.step`)."""
LEADS_TO = {"dialing": "cut", "resuming": "cut", "offline": "offline", "moving": "drain"}
"""What causes a step that does not occur by itself."""
UNREACHABLE = frozenset({("cut", "offline"), ("cut", "dialing")})
"""There is no socket to cut."""
PLACES = tuple((fault, step) for fault in FAULTS for step in STEPS if (fault, step) not in UNREACHABLE)
RECIPES: tuple[tuple[tuple[str, str], ...], ...] = (
    (("cut", ""), ("sleep", "dialing")),
    (("outage", "met"),),
    (("double-hints", ""), ("say", "met"), ("say", "speaking"), ("reload", "met"), ("say", "speaking")),
    (("double-hints", ""), ("say", "met"), ("reload", "speaking"), ("say", "met")),
    (("repeat-questions", ""), ("leave", "joining"), ("leave", "queued")),
    (("repeat-questions", ""), ("leave", "proposed"), ("skip", "entering")),
    (("duplicate", "queued"), ("leave", "entering"), ("join", "idle")),
    (("pause", "proposed"), ("leave", "queued"), ("wipe", "entering")),
    (("fail-over", "opening"), ("reload", "opening"), ("kill", "resuming")),
    (("drain", "speaking"), ("kill", "moving"), ("fail-over", "resuming")),
)
"""Known combinations of faults: actions and the steps they are aimed at, in order."""


@dataclass(frozen=True)
class Act:
    """An action or fault at `at` seconds for user `who`; `size` from 0 to 1 is its extent.

    With a `step`, it happens as soon after that as the user's page reaches the step.
    """

    at: float
    kind: str
    who: int
    size: float
    step: str = ""

    def __str__(self) -> str:
        when = f", once {self.who} is {self.step}" if self.step else ""
        return f"{self.at:6.2f} s  {self.kind:<16} {self.who}  {self.size:.2f}{when}"


@dataclass(frozen=True)
class Schedule:
    """One run. `keep` has the numbers of the acts to carry out, None all; `world` draws other delays."""

    seed: int
    keep: tuple[int, ...] | None = None
    world: int = 0

    @property
    def honest(self) -> bool:
        """Whether there is a single fault, which must end no match."""
        return self.seed % 4 == 0

    @property
    def alone(self) -> bool:
        """Whether there is a single pod without a store."""
        return self.seed % 10 == 9

    def acts(self) -> dict[int, Act]:
        """Return the acts by their number."""
        chance = random.Random(f"schedule {self.seed}")
        kind = self.seed % 4
        acts = (
            _honest(chance)
            if self.honest
            else _chaos(chance)
            if kind == 3
            else _aimed(chance, self.seed // 4 * 2 + kind)
        )
        numbered = dict(enumerate(sorted(acts, key=lambda act: act.at)))
        return numbered if self.keep is None else {number: numbered[number] for number in self.keep}


def _joins(chance: random.Random) -> list[Act]:
    return [Act(chance.uniform(0.5, 6), "join", who, 0) for who in range(MOST_USERS)]


def _honest(chance: random.Random) -> list[Act]:
    acts = [Act(chance.uniform(0.5, 3), "join", who, 0) for who in range(MOST_USERS)]
    acts += [Act(chance.uniform(1, TROUBLE_SECONDS), "say", chance.randrange(MOST_USERS), 0) for _ in range(40)]
    if chance.random() < 0.1:  # the store is unavailable for longer than a peer may be away
        return [*acts, Act(chance.uniform(4, 8), "outage", chance.randrange(MOST_USERS), chance.uniform(0.7, 1))]
    at = chance.choice((chance.uniform(0, 25), chance.uniform(0, 4)))
    step = chance.choice(("", *STEPS[5:]))
    return [*acts, Act(at, chance.choice(TOLERATED), chance.randrange(MOST_USERS), chance.random(), step)]


def _aimed(chance: random.Random, nth: int) -> list[Act]:
    """Faults at chosen steps, one after the other, while all users chat and change peers."""
    acts = _joins(chance)
    acts += [Act(chance.uniform(2, TROUBLE_SECONDS), "say", chance.randrange(MOST_USERS), 0) for _ in range(30)]
    for who in range(MOST_USERS):
        acts += [Act(chance.uniform(4, TROUBLE_SECONDS), kind, who, 0) for kind in (chance.choice(CHANGES), "join")]
    for _ in range(chance.randint(1, 3)):
        acts += _recipe(chance, chance.choice(RECIPES))
    kind, step = PLACES[nth % len(PLACES)]
    acts += _aim(chance, kind, step)
    for _ in range(chance.randint(0, 4)):
        kinds = chance.choice((PAGE_FAULTS, POD_FAULTS, STORE_FAULTS, CHANGES))
        acts += _aim(chance, chance.choice(kinds), chance.choice(STEPS))
    return acts


def _aim(chance: random.Random, kind: str, step: str) -> list[Act]:
    """Return a fault at a step, and what leads there; `greeting` only occurs at the start."""
    at = 0.0 if step == "greeting" else chance.uniform(0, TROUBLE_SECONDS - 10)
    who = chance.randrange(MOST_USERS)
    before = [Act(at, LEADS_TO[step], who, chance.random() / 4)] if step in LEADS_TO else []
    return [*before, Act(at, kind, who, chance.random(), step)]


def _recipe(chance: random.Random, recipe: tuple[tuple[str, str], ...]) -> list[Act]:
    """Return the acts of a recipe in quick succession, for most users."""
    acts, at = [], chance.uniform(0, TROUBLE_SECONDS / 2)
    for kind, step in recipe:
        everybody = [who for who in range(MOST_USERS) if chance.random() < 0.6]
        acts += [
            Act(at + chance.uniform(0, 0.4), kind, who, chance.choice((1.0, chance.random())), step)
            for who in (everybody[:1] if kind in POD_FAULTS + STORE_FAULTS else everybody)
        ]
        at += chance.choice((0.0, chance.uniform(0, 2)))
    return acts


def _chaos(chance: random.Random) -> list[Act]:
    acts = _joins(chance)
    for kinds, most in ((ACTS, 50), (PAGE_FAULTS, 4), (POD_FAULTS, 3), (STORE_FAULTS, 3)):
        for _ in range(chance.randint(0, most)):
            near = chance.choice(acts)
            soon = chance.random() < 0.5  # right after another act, when most frames are in flight
            at = near.at + chance.uniform(0, 0.4) if soon else chance.uniform(0, TROUBLE_SECONDS)
            who = near.who if soon and chance.random() < 0.5 else chance.randrange(MOST_USERS)
            acts.append(Act(min(at, TROUBLE_SECONDS), chance.choice(kinds), who, chance.random()))
    return acts


class Run:
    """A schedule in its own world."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        name = f"world {schedule.seed}" + (f" {schedule.world}" if schedule.world else "")
        self.world = World(name, alone=schedule.alone)
        self.world.watch.honest = schedule.honest
        self.pods: dict[str, Pod] = {}
        for _ in range(1 if schedule.alone else 2 + schedule.seed % 2):
            self._start_pod()
        self.users = [User(self.world, number, self.pods) for number in range(MOST_USERS - schedule.seed % 3)]
        self.reached: Counter[tuple[str, str]] = Counter()
        self._end = self.world.now + TROUBLE_SECONDS
        self._aimed: list[Act] = []

    def go(self) -> None:
        """Carry the schedule out; raises ViolationError."""
        start = self.world.now
        try:
            for act in self.schedule.acts().values():
                self.world.run(start + act.at)
                if act.step:
                    self._aimed.append(act)
                    self.world.after = self._look
                    self._look()
                else:
                    self._do(act)
            self.world.run(self._end)
            self.world.after = None
            self.world.run(self._end + SETTLE_SECONDS)
            self.world.watch.finish(self.users)
        except ViolationError:
            raise
        except Exception as error:
            raise ViolationError("0 failure", f"{type(error).__name__}: {error}") from error

    def _look(self) -> None:
        """Carry out the acts whose step has been reached."""
        number = len(self.users)
        steps = {who: self.users[who].page.step for who in {act.who % number for act in self._aimed}}
        for act in [act for act in self._aimed if steps[act.who % number] == act.step]:
            self._aimed.remove(act)
            self._do(act)
        if not self._aimed:
            self.world.after = None

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
        """Return the duration of a lasting fault, which ends within TROUBLE_SECONDS."""
        return max(min(most * act.size, self._end - self.world.now), 0.0)

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
                self._replace(pod)
            case "pause":
                pod.pause(self._left(40, act))
            case "drain" if self.schedule.alone:
                self._start_pod()
                pod.drain(within=0)  # its sessions end with it, so waiting gains nothing
            case "drain":
                self._start_pod()
                pod.drain(within=5 + 10 * act.size)
            case "step-pod-clock":
                pod.clock_step = 120 * (act.size - 0.5)

    def _replace(self, pod: Pod) -> None:
        pod.kill()
        self._start_pod()

    def _trouble_store(self, act: Act) -> None:
        store = self.world.store
        match act.kind:
            case "wipe" | "fail-over" | "outage" if self.schedule.alone:
                self._replace(next(pod for pod in self.pods.values() if not pod.dead and not pod.draining))
            case "lose-hints":
                self._for_a_while("hints_lost", act.size, act)
            case "double-hints":
                self._for_a_while("hints_doubled", act.size, act)
            case "repeat-questions":
                self._for_a_while("doubling", act.size / 2, act)
            case "outage":
                store.go_away(act.who, self._left(60, act))
            case "wipe":
                store.wipe(act.who)
            case "fail-over":
                chance, tail = self.world.random, self._left(3, act)
                gap = chance.choice((0.0, chance.uniform(0, 3)))
                split = 0.0 if self.schedule.honest else chance.choice((0.0, chance.uniform(0, 2)))
                store.fail_over(act.who, tail, gap, split)
            case "step-store-clock":
                far = 240 if act.who == MOST_USERS - 1 else 1  # hours: records expire, heartbeats are in the future
                store.step_clock(act.who, 60 * (act.size - 0.5) * far)

    def _for_a_while(self, name: str, value: float, act: Act) -> None:
        store = self.world.store
        setattr(store, name, value)
        self.world.at(self._left(30, act), None, lambda: setattr(store, name, 0.0))

    def _start_pod(self) -> None:
        if self.schedule.alone and self.pods:
            self.world.watch.forgotten(split=TROUBLE_SECONDS)  # the old pod may serve what it remembers for a while
        Pod(self.world, f"pod-{len(self.pods)}", self.pods)


def broken(schedule: Schedule) -> ViolationError | None:
    """Return the invariant that a schedule breaks, or None."""
    try:
        Run(schedule).go()
    except ViolationError as violation:
        return violation
    return None


def shrink(schedule: Schedule, rule: str) -> Schedule:
    """Return a smaller schedule that breaks the same rule, by removing acts repeatedly."""
    keep = list(schedule.acts())
    size = max(1, len(keep) // 2)
    while size:
        before = len(keep)
        for start in range(len(keep) - size, -1, -size):
            fewer = replace(schedule, keep=tuple(keep[:start] + keep[start + size :]))
            found = broken(fewer)
            if found is not None and found.rule == rule:
                keep = list(fewer.keep or ())
        size = min(size if len(keep) < before else size // 2, len(keep))
    return replace(schedule, keep=tuple(keep))


def report(schedule: Schedule, violation: ViolationError) -> str:
    """Return the shrunk schedule that breaks the same rule, and how to run it again."""
    small = shrink(schedule, violation.rule)
    acts = small.acts()
    numbers = ",".join(map(str, acts))
    lines = [str(broken(small) or violation), *(f"  {act}" for act in acts.values())]
    return "\n".join([*lines, f"again: make simulate SEED={schedule.seed} ONLY={numbers}"])
