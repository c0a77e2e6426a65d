"""A transaction is the store's business on each engine, whatever a plugin sends to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import BadStatement, Plugin

pytestmark = pytest.mark.every_backend
Make = Callable[..., Plugin]
Open = Callable[..., TaskManager]

ENDING = (
    "COMMIT",
    "commit;",
    "END",
    " -- a note\n ROLLBACK",
    "/* a note */ SAVEPOINT mine",
    "RELEASE mine",
    "BEGIN",
    "START TRANSACTION",
    "; COMMIT",
    "SELECT 1; COMMIT",
)


@pytest.mark.parametrize("sql", ENDING)
def test_no_statement_begins_or_ends_one(sql: str, tm_store: TaskManager) -> None:
    database = tm_store.database
    database.query("SELECT 1 AS begin, 'COMMIT; BEGIN' AS told")  # a word is no statement

    def half(send: Callable[[str], Any]) -> None:
        with tm_store.transaction():
            tm_store.add("half")
            with pytest.raises(BadStatement):
                send(sql)
            raise KeyboardInterrupt

    for send in (database.execute, database.query, lambda text: list(database.stream(text))):
        with pytest.raises(KeyboardInterrupt):
            half(send)
        with pytest.raises(BadStatement):
            send(sql)
    assert tm_store.count() == 0
    tm_store.add("whole")
    assert tm_store.count() == 1


def test_a_plugin_that_tries_is_named_and_the_rest_is_written(
    store: Open, make: Make, said: list[str]
) -> None:
    def task_write(ctx: Any, change: Any) -> None:
        ctx.database.execute("COMMIT")

    tm = store(make(task_write=task_write))
    task = tm.add("whole")
    assert [line for line in said if "probe" in line and "COMMIT is not for a statement" in line]
    assert tm.get(task.id).title == "whole"
    assert [event["type"] for event in tm.log()] == ["task.created"]
