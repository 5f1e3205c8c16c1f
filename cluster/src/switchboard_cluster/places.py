"""Fixed folders of the machine that serve as mount points of the nodes, shared by all clusters.

They are created before the first cluster and removed after the last one. Folders that already existed are kept: the
created ones are recorded first. A file in each folder keeps cleanup programs from removing it as empty, because
removing a mount point also unmounts it in all other namespaces.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from switchboard_cluster import components, files, layout

KEEP = ".switchboard-cluster"


def _record() -> Path:
    return layout.RUN_ROOT / "places"


def make() -> None:
    """Create the missing folders. The machine's lock must be held."""
    if not _record().exists():
        missing = [
            place for place in (*components.PRIVATE_PLACES, components.VOLUMES_PLACE) if not Path(place).exists()
        ]
        text = "".join(f"{place}\n" for place in missing)
        files.write_atomically(_record(), text, unfinished=_record().with_suffix(".unfinished"))
    for place in _record().read_text().splitlines():
        Path(place).mkdir(parents=True, exist_ok=True)
        (Path(place) / KEEP).touch()


def remove() -> None:
    """Remove the folders that `make` created. The machine's lock must be held, and no cluster may be running."""
    if not _record().exists():
        return
    for place in map(Path, _record().read_text().splitlines()):
        (place / KEEP).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another program has put files into it, or has removed it
            place.rmdir()
    _record().unlink()
