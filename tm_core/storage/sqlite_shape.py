"""What SQLite tells of a store's health, size and tables: for what looks after stores."""

from __future__ import annotations

import sqlite3
from typing import Any

from .backend import Database, TableShape


def statistics(database: Database, log_bytes: int) -> dict[str, Any]:
    """The store's size in bytes, with that of the log beside it."""

    def pragma(name: str) -> int:
        return int(database.query(f"PRAGMA {name}")[0][name])

    page = pragma("page_size")
    return {
        "engine": f"SQLite {sqlite3.sqlite_version}",
        "bytes": pragma("page_count") * page,
        "free_bytes": pragma("freelist_count") * page,
        "log_bytes": log_bytes,
    }


def faults(database: Database) -> list[str]:
    """What is wrong with the store's own structure."""
    found = [str(row["quick_check"]) for row in database.query("PRAGMA quick_check(10)")]
    orphans = database.query("PRAGMA foreign_key_check")
    found += [f"a row of {row['table']} belongs to no {row['parent']}" for row in orphans[:10]]
    return [line for line in found if line != "ok"]


def cascades(database: Database, table: str) -> set[str]:
    """The columns of a table that name a task, with which their row goes when it is purged."""
    keys = database.query(
        "SELECT * FROM pragma_foreign_key_list(?) WHERE on_delete = 'CASCADE'", [table]
    )
    return {key["from"] for key in keys if key["table"] == "task"}


def tables(database: Database) -> dict[str, TableShape]:
    """All tables of the store by name."""
    found = database.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%'"
        " ESCAPE '@'"
    )
    return {row["name"]: _shape(database, row["name"]) for row in found}


def _shape(database: Database, table: str) -> TableShape:
    key = database.query("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", [table])
    others = database.query("SELECT * FROM pragma_foreign_key_list(?)", [table])
    return TableShape(tuple(row["name"] for row in key), frozenset(row["table"] for row in others))
