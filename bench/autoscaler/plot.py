"""The plot of the documentation: what everyone does on a flash crowd and on a real day."""

from collections.abc import Sequence
from typing import Final

from bench.autoscaler import traces
from bench.autoscaler.scalers import clairvoyant, ours, peer
from bench.autoscaler.simulator import Rules, Trace, run

SEED: Final = 1
WIDTH: Final = 860
HEIGHT: Final = 250
MARGIN: Final = 46
COLOURS: Final = {"sessions / target": "#b0b0b0", "ours": "#0b6e4f", "HPA": "#c1666b", "KPA": "#4281a4"}

Line = Sequence[tuple[float, float]]


def draw(rules: Rules) -> str:
    """Return an SVG."""
    crowd, day = traces.flash(SEED), traces.flights_fast(SEED)
    begin = crowd.flash_s[0]
    panels = [
        ("Flash crowd: ten times the arrivals for 60 s", _lines(crowd, rules), (begin - 60, begin + 540)),
        ("A real day, thirty times as fast: departures from New York", _lines(day, rules), (0, day.seconds / 2)),
    ]
    drawn = [_panel(*panel, top=index * (HEIGHT + 60) + 40) for index, panel in enumerate(panels)]
    legend = [
        f'<text x="{MARGIN + 180 * index}" y="20" fill="{colour}" font-weight="bold">{name}</text>'
        for index, (name, colour) in enumerate(COLOURS.items())
    ]
    height = len(panels) * (HEIGHT + 60) + 20
    style = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {style}>'
    white = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return "\n".join([head, white, *legend, *drawn, "</svg>", ""])


def _lines(trace: Trace, rules: Rules) -> dict[str, Line]:
    """Return the pods over time under each, and the sessions over the target."""
    known = run(trace, clairvoyant(trace, rules), rules).series
    found: dict[str, Line] = {"sessions / target": [(t, sessions / rules.target) for t, sessions, _ in known]}
    found["ours"] = [(t, pods) for t, _, pods in run(trace, ours(), rules).series]
    for name in ("HPA", "KPA"):
        with peer(name.lower(), rules.target, rules) as scaler:
            found[name] = [(t, pods) for t, _, pods in run(trace, scaler, rules).series]
    return found


def _panel(title: str, lines: dict[str, Line], span: tuple[float, float], top: int) -> str:
    begin, end = span
    shown = {name: [point for point in line if begin <= point[0] <= end] for name, line in lines.items()}
    highest = max(value for line in shown.values() for _, value in line) + 1

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
    for name, line in shown.items():
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
