"""The plot of the documentation: cost and quality per autoscaler; pods over time in a flash crowd and on a real day."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from bench.autoscaler import traces
from bench.autoscaler.comparison import TARGETS, Compared, Cost
from bench.autoscaler.scalers import PEERS, clairvoyant, ours, peer
from bench.autoscaler.simulator import Rules, Trace, run

SEED: Final = 1
WIDTH: Final = 860
HEIGHT: Final = 250
MARGIN: Final = 46
COLOURS: Final = {"sessions / target": "#b0b0b0", "ours": "#0b6e4f", "HPA": "#c1666b", "KPA": "#4281a4"}

Line = Sequence[tuple[float, float]]


def draw(rules: Rules, found: Sequence[Compared]) -> str:
    """Return an SVG."""
    crowd, day = traces.flash(SEED), traces.flights_fast(SEED)
    # With random placement, overload is not caused by a lack of pods.
    begin, placed_at_random = crowd.flash_s[0], traces.service(SEED).name
    panels = [
        _sweep([item for item in found if item.trace != placed_at_random], top=40),
        _over_time("Flash crowd: ten times the arrivals for 60 s", crowd, rules, (begin - 60, begin + 540), top=360),
        _over_time("Departures from New York, a day in 48 minutes", day, rules, (0, day.seconds / 2), top=680),
    ]
    legend = [
        f'<text x="{MARGIN + 180 * index}" y="18" fill="{colour}" font-weight="bold">{name}</text>'
        for index, (name, colour) in enumerate(COLOURS.items())
    ]
    height = 980
    style = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {style}>'
    white = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return "\n".join([head, white, *legend, *panels, "</svg>", ""])


def _sweep(found: Sequence[Compared], top: int) -> str:
    """Draw the overload over the cost, summed over all traces; the peers at each target."""

    def total(costs: Iterable[Cost]) -> tuple[float, int]:
        each = list(costs)
        return sum(cost.pod_hours for cost in each), sum(cost.overload for cost in each)

    lowest, _ = total(item.clairvoyant for item in found)
    points = {"ours": [total(item.ours for item in found)]}
    for name in PEERS:
        points[name.upper()] = [total(item.peers[name][index] for item in found) for index in range(len(TARGETS))]
    highest = max(hours for line in points.values() for hours, _ in line) / lowest
    overloads = [max(1, overload) for line in points.values() for _, overload in line]
    low, high = math.floor(math.log10(min(overloads))), math.ceil(math.log10(max(overloads)))

    def x(hours: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (hours / lowest - 0.9) / (highest - 0.9)

    def y(overload: float) -> float:
        return top + HEIGHT * (high - math.log10(max(1, overload))) / (high - low)

    swept = f"peers at {TARGETS[0]:g} to {TARGETS[-1]:g} sessions per pod"
    title = f"Session-seconds of overload over pod-hours, relative to the clairvoyant's; {swept}"
    out = [f'<text x="{MARGIN}" y="{top - 2}">{title}</text>']
    for decade in range(low, high + 1):
        at = y(10**decade)
        out.append(f'<path d="M{MARGIN} {at:.1f}H{WIDTH - MARGIN}" stroke="#eee"/>')
        out.append(f'<text x="{MARGIN - 8}" y="{at + 4:.1f}" text-anchor="end">1e{decade}</text>')
    for tenths in range(10, int(highest * 10) + 1, 5):
        at = x(tenths / 10 * lowest)
        out.append(f'<text x="{at:.1f}" y="{top + HEIGHT + 18}" text-anchor="middle">{tenths / 10:g}x</text>')
    for name, line in points.items():
        path = "L".join(f"{x(hours):.1f} {y(overload):.1f}" for hours, overload in line)
        out.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[name]}"/>')
        radius = 5 if name == "ours" else 3
        centres = (f'cx="{x(hours):.1f}" cy="{y(overload):.1f}"' for hours, overload in line)
        out += [f'<circle {centre} r="{radius}" fill="{COLOURS[name]}"/>' for centre in centres]
    return "\n".join(out)


def _lines(trace: Trace, rules: Rules) -> dict[str, Line]:
    """Return the pods over time per autoscaler, and the sessions divided by the target."""
    ideal = run(trace, clairvoyant(trace, rules), rules).series
    found: dict[str, Line] = {"sessions / target": [(t, sessions / rules.target) for t, sessions, _ in ideal]}
    found["ours"] = [(t, pods) for t, _, pods in run(trace, ours(), rules).series]
    for name in ("HPA", "KPA"):
        with peer(name.lower(), rules.target, rules) as scaler:
            found[name] = [(t, pods) for t, _, pods in run(trace, scaler, rules).series]
    return found


def _over_time(title: str, trace: Trace, rules: Rules, span: tuple[float, float], top: int) -> str:
    """Draw the pods over time per autoscaler."""
    begin, end = span
    visible = {
        name: [point for point in line if begin <= point[0] <= end] for name, line in _lines(trace, rules).items()
    }
    highest = max(value for line in visible.values() for _, value in line) + 1

    def x(t: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (t - begin) / (end - begin)

    def y(pods: float) -> float:
        return top + HEIGHT * (1 - pods / highest)

    out = [f'<text x="{MARGIN}" y="{top - 2}">{title}</text>']
    for pods in range(0, int(highest) + 1, max(1, int(highest) // 5)):
        out.append(f'<path d="M{MARGIN} {y(pods):.1f}H{WIDTH - MARGIN}" stroke="#eee"/>')
        out.append(f'<text x="{MARGIN - 8}" y="{y(pods) + 4:.1f}" text-anchor="end">{pods}</text>')
    for minute in range(0, int((end - begin) / 60) + 1, max(1, int((end - begin) / 600))):
        at = x(begin + 60 * minute)
        out.append(f'<text x="{at:.1f}" y="{top + HEIGHT + 18}" text-anchor="middle">{minute} min</text>')
    for name, line in visible.items():
        steps = f"M{x(line[0][0]):.1f} {y(line[0][1]):.1f}"
        before = line[0][1]
        for t, value in line[1:]:
            if value != before:
                steps += f"H{x(t):.1f}V{y(value):.1f}"
                before = value
        width = 2.5 if name == "ours" else 1.5
        steps += f"H{x(end):.1f}"
        out.append(f'<path d="{steps}" fill="none" stroke="{COLOURS[name]}" stroke-width="{width}"/>')
    return "\n".join(out)
