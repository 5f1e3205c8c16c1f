"""coturn's SQLite database: the shared secrets that it authenticates with, which it reads at each allocation."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

BUSY_TIMEOUT = 5.0
"""Seconds to wait while coturn locks the database."""

# The tables that coturn 4.6 to 4.18 queries. It creates them itself only when it creates the file.
_TABLES = {
    "turnusers_lt": "realm varchar(127) default '', name varchar(512), hmackey char(128), primary key (realm, name)",
    "turn_secret": "realm varchar(127) default '', value varchar(256), primary key (realm, value)",
    "allowed_peer_ip": "realm varchar(127) default '', ip_range varchar(256), primary key (realm, ip_range)",
    "denied_peer_ip": "realm varchar(127) default '', ip_range varchar(256), primary key (realm, ip_range)",
    "turn_origin_to_realm": "origin varchar(127), realm varchar(127), primary key (origin)",
    "turn_realm_option": "realm varchar(127) default '', opt varchar(32), value varchar(128), primary key (realm, opt)",
    "oauth_key": (
        "kid varchar(128), ikm_key varchar(256), timestamp bigint default 0, lifetime integer default 0,"
        " as_rs_alg varchar(64) default '', realm varchar(127), primary key (kid)"
    ),
    "admin_user": "name varchar(32), realm varchar(127), password varchar(127), primary key (name)",
}


def write(database: Path, realm: str, secrets: Collection[str]) -> bool:
    """Make exactly these secrets valid in a realm; True if that changed anything.

    Raises `sqlite3.Error` if the database cannot be written.
    """
    with closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT)) as connection:
        # With a write-ahead log, readers never see a locked database.
        connection.execute("pragma journal_mode = wal")
        with connection:
            for table, columns in _TABLES.items():
                connection.execute(f"create table if not exists {table} ({columns})")
            present = {
                value for (value,) in connection.execute("select value from turn_secret where realm = ?", (realm,))
            }
            added, removed = set(secrets) - present, present - set(secrets)
            connection.executemany(
                "insert into turn_secret (realm, value) values (?, ?)", [(realm, one) for one in added]
            )
            connection.executemany(
                "delete from turn_secret where realm = ? and value = ?", [(realm, one) for one in removed]
            )
    return bool(added or removed)
