"""The fixed folders on which nodes mount folders of their own, shared by all clusters of a machine.

They are created before the first cluster and removed after the last. A record of the created folders is written first,
so folders that existed before stay. A file in each folder prevents cleanup programs from removing it as empty: the
kernel would unmount the nodes' folders with it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from switchboard_cluster import components, files, layout

KEEP = ".switchboard-cluster"


def _record() -> Path:
    return layout.RUN_ROOT / "places"


def make() -> None:
    """Create the folders that do not exist. The machine's lock must be held."""
    if not _record().exists():
        missing = [
            place for place in (*components.PRIVATE_PLACES, components.VOLUMES_PLACE) if not Path(place).exists()
        ]
        text = "".join(f"{place}\n" for place in missing)
        files.write_at_once(_record(), text, unfinished=_record().with_suffix(".unfinished"))
    for place in _record().read_text().splitlines():
        Path(place).mkdir(parents=True, exist_ok=True)
        (Path(place) / KEEP).touch()


def remove() -> None:
    """Remove the folders that `make` created. The machine's lock must be held, and no cluster may run."""
    if not _record().exists():
        return
    for place in map(Path, _record().read_text().splitlines()):
        (place / KEEP).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another program has put something in it, or has removed it
            place.rmdir()
    _record().unlink()
