"""Link conditions and link names, and their text forms. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from decimal import Decimal

from switchboard_cluster.errors import ClusterError

MAX_RATE_KBPS = 10_000_000
MAX_DELAY_MS = 60_000
DEFAULT_QUEUE_MS = 200.0
EXAMPLE = "for example rate=2mbit,loss=5%,delay=40ms,jitter=5ms,queue=200ms"

_UNITS = {
    "rate": {"kbit": Decimal(1), "mbit": Decimal(1000), "gbit": Decimal(1_000_000)},
    "loss": {"%": Decimal("0.01")},
    "delay": {"ms": Decimal(1), "s": Decimal(1000)},
    "jitter": {"ms": Decimal(1), "s": Decimal(1000)},
    "queue": {"ms": Decimal(1), "s": Decimal(1000)},
}
_FIELDS = {"rate": "rate_kbps", "loss": "loss", "delay": "delay_ms", "jitter": "jitter_ms", "queue": "queue_ms"}
_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[a-z%]+)", re.ASCII)


@dataclass(frozen=True)
class LinkConditions:
    """Conditions of each direction of a link, so that a round trip has twice the delay and loss. 0 means none.

    Raises `ClusterError("bad-link-conditions")` for values out of range.
    """

    rate_kbps: float = 0.0
    """Bandwidth in kbit/s, including Ethernet headers."""
    loss: float = 0.0
    """Probability of packet loss, 0 to 1."""
    delay_ms: float = 0.0
    """One-way delay in milliseconds."""
    jitter_ms: float = 0.0
    """Half the width of the uniform distribution around the delay, in milliseconds. Packets are never reordered."""
    queue_ms: float = DEFAULT_QUEUE_MS
    """Maximum time that a packet waits for bandwidth, in milliseconds; packets beyond are dropped (drop-tail)."""

    def __post_init__(self) -> None:
        limits = {
            "rate_kbps": (8.0, MAX_RATE_KBPS),
            "loss": (0.0, 1.0),
            "delay_ms": (0.0, MAX_DELAY_MS),
            "jitter_ms": (0.0, MAX_DELAY_MS),
            "queue_ms": (1.0, MAX_DELAY_MS),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not (low <= value <= high or (name == "rate_kbps" and value == 0)):
                raise _bad(f"{name} is {value:g}; it must be {low:g} to {high:g}")
        if self.jitter_ms > self.delay_ms:
            raise _bad(
                f"the jitter ({self.jitter_ms:g} ms) exceeds the delay ({self.delay_ms:g} ms): "
                "a packet cannot arrive before it was sent"
            )

    @classmethod
    def parse(cls, text: str) -> LinkConditions:
        """Return the conditions in a comma-separated text; omitted ones have their defaults.

        Raises `ClusterError("bad-link-conditions")`, which quotes the invalid part.
        """
        values: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            key, _, quantity = part.strip().partition("=")
            if key not in _FIELDS:
                raise _bad(f"`{part}` must be one of {', '.join(f'{known}=…' for known in _FIELDS)}")
            if _FIELDS[key] in values:
                raise _bad(f"`{key}` must be given only once")
            values[_FIELDS[key]] = _number(key, quantity)
        return cls(**values)

    @property
    def unimpaired(self) -> bool:
        """Whether there is no rate, loss or delay."""
        return not (self.rate_kbps or self.loss or self.delay_ms)

    @property
    def delayed(self) -> bool:
        """Whether packets are delayed, which the kernel cannot do without netem."""
        return self.delay_ms > 0

    def __str__(self) -> str:
        """Return the text form, which `parse` reads; empty without conditions."""
        shown = [("rate", self.rate_kbps, "kbit"), ("loss", self.loss * 100, "%")]
        shown += [("delay", self.delay_ms, "ms"), ("jitter", self.jitter_ms, "ms")]
        if self.queue_ms != DEFAULT_QUEUE_MS:
            shown.append(("queue", self.queue_ms, "ms"))
        return ",".join(f"{key}={_plain(value)}{unit}" for key, value, unit in shown if value)

    def as_dict(self) -> dict[str, float]:
        """Return the values by field name, for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Link:
    """An interface of a network namespace that is connected to a slot's bridge."""

    netns: str
    device: str
    """Name of the interface in the namespace."""
    host_device: str
    """The bridge's end of the veth pair."""
    bridge: str
    bridge_netns: str
    """Network namespace of the bridge and its ports."""

    @property
    def tap(self) -> str:
        """Name of the TAP interface that replaces `host_device` on the bridge while packets are delayed."""
        return f"{self.host_device}t"


@dataclass(frozen=True)
class LinkName:
    """Name of a link: `node-2`, `client-alice`, or with an interface `client-alice:wifi0`."""

    name: str
    device: str | None

    @classmethod
    def parse(cls, text: str) -> LinkName:
        """Return the link name in a text. Raises `ClusterError("bad-link-target")`."""
        name, colon, device = text.partition(":")
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) or (colon and not device):
            raise ClusterError(
                "bad-link-target", f"`{text}` is not a valid link name", "write it like node-2 or client-alice:wifi0"
            )
        return cls(name, device or None)


def _number(key: str, quantity: str) -> float:
    units = _UNITS[key]
    found = _QUANTITY.fullmatch(quantity.strip().lower())
    if not found or found["unit"] not in units:
        raise _bad(f"`{key}={quantity}` must be a number followed by {' or '.join(units)}")
    return float(Decimal(found["number"]) * units[found["unit"]])


def _plain(value: float) -> str:
    """Return a number without an exponent, with nine significant digits."""
    return f"{Decimal(f'{value:.9g}'):f}"


def _bad(what: str) -> ClusterError:
    return ClusterError("bad-link-conditions", what, EXAMPLE)
