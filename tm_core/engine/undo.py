"""Takes back a transaction, from what the log says of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tm_core.errors import Conflict, FeatureDisabled, NotFound
from tm_core.model import Change, Task
from tm_core.storage.store import Store

from .changes import Changes

if TYPE_CHECKING:
    from tm_core.context import Event


def undo(changes: Changes, seq: int | None) -> list[Event]:
    """Undo the transaction of an event, or the actor's last one that is not undone.

    Gives the events that were undone, newest first.

    Raises:
        NotFound: There is nothing to undo.
        Conflict: What it wrote was changed afterwards.
    """
    store = changes.store
    with changes.transaction():
        chosen = _event(store, seq) if seq is not None else _last(store, changes.actor)
        events = list(
            store.events("transaction_id = ?", [chosen["transaction_id"]], newest_first=True)
        )
        for event in events:
            owner = event["data"].get("private_to")
            if owner is not None and changes.actor not in (owner, event["actor"]):
                raise Conflict(f"event {event['seq']} is private to {owner}, who alone can undo it")
        if not any(_changed_something(event) for event in events):
            raise NotFound(f"event {chosen['seq']} changed nothing that could be undone")
        undone = [_revert(changes, event) for event in events]
        settled = [change for change in undone if change is not None]
        for change in settled:
            if store.get(change.after.id) is None:  # it was added by what is undone
                change.after = Task({**change.after, "status": "deleted"})
        changes.settle_undone(settled)
    return events


def _event(store: Store, seq: int) -> Event:
    event = next(store.events("seq = ?", [seq]), None)
    if event is None:
        if 0 < seq <= store.archived_up_to():
            raise Conflict(f"event {seq} was archived, it cannot be undone any more")
        raise NotFound(f"the log has no event {seq}", "tm log shows the numbers")
    again = _undone(store).get(event["transaction_id"])
    if again:
        raise Conflict(f"event {seq} was undone already, by event {again}")
    purged = _purged(store, event["transaction_id"])
    if purged is not None:
        raise Conflict(f"{_gone(purged)}, event {seq} cannot be undone")
    return event


def _undone(store: Store) -> dict[str, int]:
    """The transactions that are taken back, each with the number of the undo's last event."""
    undoes = store.database.dialect.json_part("data", "undoes_transaction")
    found: dict[str, int] = {}
    # Newest first: whether an undo was itself undone is known before its own turn.
    for row in store.database.query(
        f"SELECT transaction_id, {undoes} AS undoes, max(seq) AS last FROM event"
        f" WHERE type = 'task.undone' GROUP BY transaction_id, {undoes} ORDER BY max(seq) DESC"
    ):
        if row["transaction_id"] not in found:
            found.setdefault(row["undoes"], int(row["last"]))
    return found


def _last(store: Store, actor: str) -> Event:
    """The actor's newest change; refused where it is a purge, lest an older one is meant by it."""
    undone = _undone(store)
    purged: Event | None = None
    for event in store.events("actor = ? AND type <> 'task.undone'", [actor], newest_first=True):
        if event["type"] == "task.purged":
            purged = purged or event
        elif _changed_something(event) and event["transaction_id"] not in undone:
            task_id = event["task_id"]
            if purged is None:
                return event
            if task_id is None or store.get(task_id) is not None:
                raise Conflict(
                    f"{_gone(purged)}, which cannot be undone",
                    f"tm undo {event['seq']} takes back the change before that",
                )
    if purged is not None:
        raise Conflict(f"{_gone(purged)}, which cannot be undone")
    archived = store.archived_up_to()
    hint = f"events up to {archived} were archived" if archived else "tm log shows what was done"
    raise NotFound(f"there is nothing that {actor} could undo", hint)


def _purged(store: Store, transaction_id: str) -> Event | None:
    """The event of a transaction that removed a task for good."""
    purges = store.events("transaction_id = ? AND type = 'task.purged'", [transaction_id])
    return next(purges, None)


def _gone(purge: Event) -> str:
    return f"task {purge['task_id']} was purged for good by event {purge['seq']}"


def _changed_something(event: Event) -> bool:
    return "after" in event["data"] or "rows" in event["data"]


def _revert(changes: Changes, event: Event) -> Change | None:
    """Write back what was there before an event; gives the change of its task, if it is there."""
    store, data, task_id = changes.store, event["data"], event["task_id"]
    record = {"undoes": event["seq"], "undoes_transaction": event["transaction_id"]}
    if "private_to" in data:
        record["private_to"] = data["private_to"]
    before = store.get(task_id) if task_id is not None else None
    comes_back = "after" in data and data["after"] is None
    if comes_back and task_id is not None:
        # Before the rows that belong to it; in the other direction they go first.
        record |= _revert_task(changes, event, task_id)
    reverted = [[table, key, after, before] for table, key, before, after in data.get("rows", ())]
    reverted.reverse()
    for table, key, now, then in reverted:
        found = store.read_rows(table, key)
        current = {k: v for k, v in found[0].items() if k not in key} if found else None
        if current is not None and now is not None:
            # A column that was not given, or that came later, was empty.
            now = {name: now.get(name) for name in current}
        if current != now:
            raise _changed_since(event, table)
        store.write_row(table, key, then, exists=bool(found))
    if "after" in data and not comes_back and task_id is not None:
        record |= _revert_task(changes, event, task_id)
    if reverted:
        record["rows"] = reverted
    changes.append("task.undone", task_id, record)
    after = (store.get(task_id) or before) if task_id is not None else None
    if after is None:
        return None
    change = Change("undo", changes.actor, before, after)
    change.rows = reverted
    return change


def _revert_task(changes: Changes, event: Event, task_id: str) -> dict[str, Any]:
    """Write the task back, and give what was written as an event holds it."""
    store = changes.store
    then, now = event["data"]["before"], event["data"]["after"]
    current = store.get(task_id)
    if (current is None) != (now is None):
        purges = store.events("task_id = ? AND type = 'task.purged'", [task_id], newest_first=True)
        purge = next(purges, None) if current is None else None
        if purge is not None:
            raise Conflict(f"{_gone(purge)}, event {event['seq']} cannot be undone")
        raise _changed_since(event, f"task {task_id}")
    _check_known(changes, then or ())
    if current is None:
        store.insert(Task({name: then.get(name) for name in store.fields}))
        return {"before": None, "after": then}
    names = [n for n in now if n in store.fields and n not in ("version", "updated_at")]
    if any(current[name] != now[name] for name in names):
        raise _changed_since(event, f"task {task_id}")
    if then is None:
        if _worked_on_since(store, event, task_id):
            raise _changed_since(event, f"task {task_id}")
        store.purge(task_id)
        return {"before": now, "after": None}
    after = Task({**current, **{name: then.get(name) for name in names}})
    after["version"] = current.version + 1
    after["updated_at"] = changes.now
    written = [*names, "version", "updated_at"]
    store.update(current, after, written)
    return {
        "before": {name: current[name] for name in written},
        "after": {name: after[name] for name in written},
    }


def _check_known(changes: Changes, names: Iterable[str]) -> None:
    """Refuse to write back a part only: a field of a feature that is off cannot be written."""
    for name in names:
        if name in changes.store.fields:
            continue
        for manifest in changes.host.manifests():
            if any(field.name == name for field in manifest.fields):
                raise FeatureDisabled(manifest.name)
        raise Conflict(f"no installed feature has the field '{name}'", "install its plugin")


def _worked_on_since(store: Store, event: Event, task_id: str) -> bool:
    """Whether it was changed, or plugins' rows were made that are there yet and refer to it."""
    undone = _undone(store)
    since = store.events(
        "seq > ? AND (task_id = ? OR data LIKE ?)", [event["seq"], task_id, f'%"{task_id}"%']
    )
    for later in since:
        if later["transaction_id"] == event["transaction_id"]:
            continue
        if later["task_id"] != task_id:
            for table, key, _, row in later["data"].get("rows", ()):
                refers = task_id in (*key.values(), *(row or {}).values())
                if refers and store.read_rows(table, key):
                    return True
        elif (
            later["type"] != "task.undone"
            and _changed_something(later)
            and later["transaction_id"] not in undone
        ):
            return True
    return False


def _changed_since(event: Event, what: str) -> Conflict:
    return Conflict(
        f"event {event['seq']} cannot be undone: {what} was changed afterwards",
        "undo what came later first; tm log shows it",
    )
