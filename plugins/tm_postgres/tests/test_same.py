"""One random history, lived by a plain model, a store in SQLite and one in PostgreSQL."""

from __future__ import annotations

import difflib
import json
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tm_core import TaskManager
from tm_core.api import TmError
from tm_core.testing import Clock

# No NUL and no surrogates: no store takes them.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
TITLES = TEXT.map(lambda text: f"t{text}.")
PRIORITIES = st.sampled_from(["low", "medium", "high", "critical"])
PEOPLE = st.none() | st.sampled_from(["ada", "Bob", "zoë", "Ärzte", "ada%", "?"])
HOURS = st.none() | st.floats(0.25, 900, width=32)
TAGS = st.lists(st.sampled_from(["a", "B", "ß", "x y"]), max_size=2, unique=True)
PLACES = st.integers(0, 7)
FILTERS = st.sampled_from(
    [
        "priority >= 'high'",
        "assignee == 'ada' or estimated_hours > 8",
        "not (estimated_hours > 8)",
        "contains(lower(title), 'ä')",
        "upper(assignee) == 'ZOË'",
        "'ß' in tags",
        "startswith(title, 't%') or '?' in title",
        "estimated_hours // 2 == 1",
        "round(estimated_hours) % 2 == 0",
        "min(estimated_hours, 5) > 3",
        "length(title) > 4",
        "assignee is None",
        "created_at >= '2020-01-01'",
    ]
)
ORDERS = st.sampled_from(["title", "-title", "priority,title", "-estimated_hours", "assignee", ""])


class History(RuleBasedStateMachine):
    """What happens to both stores, and what the model says of it."""

    schemas: Any
    cache: Path

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        schema = self.stack.enter_context(self.schemas.borrowed())
        url = self.schemas.url + ("&" if "?" in self.schemas.url else "?") + f"schema={schema}"
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        environ = {
            "HOME": folder,
            "XDG_CACHE_HOME": str(self.cache),
            "TM_POSTGRES_SOLE_USER": "true",
            "USER": "tester",
        }
        self.clock = Clock()
        self.stores = [
            self.stack.enter_context(
                TaskManager.open(place, create=True, environ=environ, clock=self.clock)
            )
            for place in (f"{folder}/tasks.db", url)
        ]
        self.ids: list[list[str]] = [[], []]
        self.model: list[dict[str, Any]] = []

    def teardown(self) -> None:
        self.stack.close()

    def same(self, act: Callable[[TaskManager, list[str]], Any]) -> Any:
        """Do one thing in both; what comes of it, error or value, must be the same."""
        said = []
        for store, ids in zip(self.stores, self.ids, strict=True):
            try:
                result = act(store, ids)
                said.append(("done", self.plain(result, ids)))
            except TmError as error:
                said.append((type(error).__name__, self.plain(error.message, ids)))
        if said[0] != said[1]:
            first, second = (re.split(r"(?<=[\]}],) ", f"{one}: {text}") for one, text in said)
            raise AssertionError("\n".join(difflib.unified_diff(first, second, n=0)))
        return said[0]

    def plain(self, value: Any, ids: list[str]) -> Any:
        """A result without what each store draws by lot."""
        text = json.dumps(value, default=lambda task: dict(task), ensure_ascii=False)
        for number, task_id in enumerate(ids):
            text = text.replace(task_id, f"<{number}>")
        text = re.sub(r"\b[0-9a-f]{22}\b", "<transaction>", text)
        # What is rolled back leaves a gap in the numbers of one engine, and none in the other.
        return re.sub(r'"undoes": \d+', '"undoes": <number>', text)

    @rule(title=TITLES, priority=PRIORITIES, assignee=PEOPLE, hours=HOURS, tags=TAGS)
    def add(self, title: str, priority: str, assignee: str, hours: float, tags: list[str]) -> None:
        def act(store: TaskManager, ids: list[str]) -> Any:
            task = store.add(
                title, priority=priority, assignee=assignee, estimated_hours=hours, tags=tags
            )
            ids.append(task.id)
            return task

        done, _ = self.same(act)
        if done == "done":
            self.model.append({"title": title, "status": "pending", "version": 1})

    def chosen(self, place: int) -> int | None:
        return place % len(self.model) if self.model else None

    @rule(place=PLACES, title=TITLES, assignee=PEOPLE)
    def update(self, place: int, title: str, assignee: str | None) -> None:
        number = self.chosen(place)
        if number is None:
            return
        done, _ = self.same(
            lambda store, ids: store.update(ids[number], title=title, assignee=assignee)
        )
        task = self.model[number]
        assert (done == "done") == (
            task["status"] not in ("deleted", "gone")
        ) or done == "InvalidValue"
        if done == "done":
            task["title"] = title

    @rule(place=PLACES, hours=HOURS)
    def complete(self, place: int, hours: float) -> None:
        number = self.chosen(place)
        if number is None:
            return
        done, _ = self.same(lambda store, ids: store.complete(ids[number], actual_hours=hours))
        if self.model[number]["status"] == "pending":
            assert done == "done"
            self.model[number]["status"] = "completed"
        else:
            assert done != "done"

    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        number = self.chosen(place)
        if number is None:
            return
        done, _ = self.same(lambda store, ids: store.delete(ids[number]))
        if self.model[number]["status"] == "deleted":
            assert done == "Conflict"
        elif done == "done":
            self.model[number]["status"] = "deleted"

    @rule(place=PLACES, quality=st.integers(0, 6), note=TEXT)
    def review(self, place: int, quality: int, note: str) -> None:
        number = self.chosen(place)
        if number is not None:
            self.same(
                lambda store, ids: (
                    dict(store.feedback(ids[number], quality=quality, note=note)) and None
                )
            )

    @rule(place=PLACES, other=PLACES)
    def depend(self, place: int, other: int) -> None:
        number, second = self.chosen(place), self.chosen(other)
        if number is not None and second is not None:
            self.same(
                lambda store, ids: store.update(ids[number], depends_on=[ids[second]]) and None
            )
            self.reread()

    @rule()
    def undo(self) -> None:
        self.same(lambda store, ids: len(store.undo()))
        self.reread()

    def reread(self) -> None:
        """Take what has been taken back, or blocked, into the model from one store: they agree."""
        store, ids = self.stores[0], self.ids[0]
        for number, task in enumerate(self.model):
            row = store.store.get(ids[number])
            task["status"] = row.status if row is not None else "gone"
            task["title"] = row.title if row is not None else task["title"]

    @rule(titles=st.lists(TITLES, max_size=3))
    def give_up(self, titles: list[str]) -> None:
        """A transaction that is left by an error leaves nothing."""

        def act(store: TaskManager, ids: list[str]) -> None:
            with store.transaction():
                for title in titles:
                    store.add(title)
                store.get("ffffffffff")

        assert self.same(act)[0] == "NotFound"

    @rule(where=FILTERS, order=ORDERS)
    def find(self, where: str, order: str) -> None:
        def act(store: TaskManager, ids: list[str]) -> Any:
            number = {task_id: place for place, task_id in enumerate(ids)}
            found = store.find(where, sort=order)
            if not order:
                return sorted(number[task.id] for task in found)
            # Ties are broken by ids, which are drawn by lot.
            names = [name.lstrip("-") for name in order.split(",")]
            return [[task[name] for name in names] for task in found]

        self.same(act)

    @invariant()
    def rows_and_events_are_the_same(self) -> None:
        def everything(store: TaskManager, ids: list[str]) -> Any:
            rows = [store.store.get(task_id) for task_id in ids]
            events = [
                [event["type"], event["task_id"], event["at"], event["actor"], event["data"]]
                for event in store.log()
            ]
            return [row and row.as_dict() for row in rows], events

        self.same(everything)
        for number, task in enumerate(self.model):
            row = self.stores[1].store.get(self.ids[1][number])
            assert row is not None or task["status"] == "gone"
            if row is not None:
                assert (row.title, row.status) == (task["title"], task["status"])


def test_both_engines_live_the_same_history(
    tm_postgres_schemas: Any, tm_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = type("Both", (History,), {"schemas": tm_postgres_schemas, "cache": tm_cache})
    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=6,
            phases=[Phase.generate],
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
