"""coturn's database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from switchboard_turn import userdb


def secrets(database: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        return set(connection.execute("select realm, value from turn_secret"))


def test_exactly_the_given_secrets_are_valid(tmp_path: Path) -> None:
    database = tmp_path / "userdb"
    assert userdb.write(database, "realm", {"a", "b"})
    assert secrets(database) == {("realm", "a"), ("realm", "b")}
    assert userdb.write(database, "realm", {"b", "c"})
    assert secrets(database) == {("realm", "b"), ("realm", "c")}


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "userdb"
    userdb.write(database, "realm", {"a"})
    assert not userdb.write(database, "realm", {"a"})


def test_another_realm_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "userdb"
    userdb.write(database, "one", {"a"})
    userdb.write(database, "two", {"b"})
    assert secrets(database) == {("one", "a"), ("two", "b")}


def test_a_reader_in_the_middle_is_not_locked_out(tmp_path: Path) -> None:
    database = tmp_path / "userdb"
    userdb.write(database, "realm", {"a"})
    with closing(sqlite3.connect(database)) as reader:
        reading = reader.execute("select value from turn_secret")
        userdb.write(database, "realm", {"b"})
        assert reading.fetchall() == [("a",)]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error):
        userdb.write(tmp_path / "missing" / "userdb", "realm", {"a"})
