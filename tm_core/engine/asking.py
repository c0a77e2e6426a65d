"""Asks plugins about a change: who amends it, who refuses it, who takes part in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tm_core.errors import InvalidValue, ValidationError, is_refusal
from tm_core.hook_data import Problem
from tm_core.language import values
from tm_core.model import Change, Task
from tm_core.plugin_host.host import Host, Implementation
from tm_core.plugin_host.registry import Installed
from tm_core.storage.chain import encode
from tm_core.storage.store import Store

from .happening import occasions_of

if TYPE_CHECKING:
    from tm_core.context import Context


class Asking:
    """The hooks of one store that run before a change is written, each in a savepoint."""

    def __init__(self, store: Store, host: Host, context: Callable[[str], Context]) -> None:
        self._store = store
        self._host = host
        self._context = context
        self._refused: list[tuple[Change, Sequence[Problem]]] | None = []
        """What the running transaction refused; None while that is told."""

    def draft(self, change: Change, occasions: set[str]) -> bool:
        """Let plugins amend the change; gives whether any did."""
        amended = False
        for each in self._host.implementations("task_draft", occasions):
            saved = change.after.copy()
            try:
                with self._store.savepoint():
                    self._host.invoke(each, ctx=self._context(each.plugin.name), draft=change)
                amended = self._check_draft(change, saved) or amended
            except Exception as error:
                if is_refusal(error):
                    raise
                change.after = saved
                self._host.blame(each.plugin, "task_draft", error)
        return amended

    def _check_draft(self, change: Change, saved: Task) -> bool:
        """Make the values of a draft canonical; gives whether there is any other."""
        after, fields = change.after, self._store.fields
        if not isinstance(after, Task):
            raise TypeError("draft.after must be a task")
        now, then = dict(after.items()), dict(saved.items())
        if now.keys() != then.keys():
            raise TypeError("draft.after must keep its fields")
        if change.before is not None and after.id != saved.id:
            raise ValueError("the id of a task stays")
        # A list may have been changed in place, so that it is the same in both.
        suspect = [n for n in self._store.encoded if now[n] is not None]
        if now == then and not suspect:
            return False
        for name in [*(n for n in now if now[n] != then[n]), *suspect]:
            try:
                after[name] = values.check(fields[name], now[name])
            except InvalidValue as error:  # not the user's mistake
                raise ValueError(error.message) from error
        return True

    def validate(self, change: Change, occasions: set[str], *, force: bool, dry_run: bool) -> None:
        """Let plugins refuse the change.

        Args:
            change: Its values are settled.
            occasions: What happens by it.
            force: Pass problems that may be overridden; the change names them.
            dry_run: Nothing is to be noted of a refusal.

        Raises:
            ValidationError: What they say.
        """
        refused: list[Problem] = []
        calls = self._host.implementations("task_validate", occasions)
        settled = change.after.copy() if calls else change.after
        for each in calls:
            for problem in self._problems(each, change):
                _weigh(problem, change, refused, force)
        change.after = settled  # what is written is what was checked, whatever a plugin did
        for one in self._host.unusable("task_validate"):
            # Somebody asked for what this plugin does, so that it may not pass unchecked.
            asked = {field.name for field in self._host.manifest(one.name).fields}
            if asked & change.options.keys():
                _weigh(_could_not_check(one), change, refused, force)
        if not refused:
            return
        if self._refused is not None and not dry_run:
            self._refused.append((change, refused))
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        hint = refused[0].hint
        if not hint and all(problem.overridable for problem in refused):
            hint = "--force overrides"
        raise ValidationError(
            "; ".join(problem.message for problem in refused[:3])
            if len(refused) <= 3
            else refused[0].message + more,
            hint,
            problems=[problem._asdict() for problem in refused],
        )

    def tell_refused(self) -> None:
        """Let plugins note what was refused, now that nothing of it can be rolled back any more."""
        told, self._refused = self._refused, None
        if told is None:  # what is noted here is noted once, whatever becomes of it
            return
        try:
            for change, problems in told:
                self._tell_of(change, problems)
        finally:
            self._refused = []

    def _tell_of(self, change: Change, problems: Sequence[Problem]) -> None:
        found = list(self._host.implementations("task_refused", occasions_of(change)))
        if found and change.before is not None and self._store.get(change.after.id) is None:
            return  # it was added by what was rolled back
        for each in found:
            context = self._context(each.plugin.name)
            try:
                self._host.invoke(each, ctx=context, change=change, problems=problems)
            except Exception as error:
                if not is_refusal(error):
                    self._host.blame(each.plugin, "task_refused", error, committed=True)

    def _problems(self, each: Any, change: Change) -> Sequence[Problem]:
        plugin: Installed = each.plugin
        try:
            with self._store.savepoint():  # a statement that fails spoils no more than it
                found = list(
                    self._host.invoke(each, ctx=self._context(plugin.name), change=change) or ()
                )
            wrong = next((item for item in found if not isinstance(item, Problem)), None)
            if wrong is not None:
                raise TypeError(f"task_validate gave {type(wrong).__name__}, not a Problem")
            if change.data:
                encode(change.data)
        except Exception as error:
            if is_refusal(error):
                raise
            change.data.pop(plugin.name, None)
            self._host.blame(plugin, "task_validate", error)
            return [_could_not_check(plugin)]
        return found

    def validate_event(self, event_type: str, task_id: str, *, force: bool) -> None:
        """Let plugins refuse an event about a task that is no change of it."""
        for each in self._host.implementations("event_validate", {event_type}):
            context = self._context(each.plugin.name)
            try:
                self._host.invoke(each, ctx=context, event_type=event_type, task_id=task_id)
            except Exception as error:
                if is_refusal(error):
                    raise
                self._host.blame(each.plugin, "event_validate", error)
                if not force:
                    problem = _could_not_check(each.plugin)
                    raise ValidationError(problem.message, problem.hint) from error

    def concerns_nobody(self, change: Change, occasions: set[str]) -> bool:
        """Whether a new task is of the kind that no plugin looks at."""
        if change.before is not None or self.writers(occasions):
            return False
        hooks = ("task_draft", "task_validate")
        return not any(self._host.implementations(hook, occasions) for hook in hooks)

    def writers(self, occasions: set[str]) -> Sequence[Implementation]:
        """Who takes part in a change, but for those who passed over all that brings them in."""
        calls = self._host.implementations("task_write", occasions)
        passed = self._store.known.passed
        if not passed or not calls:
            return calls
        hooks = self._host.declaring("task_write")

        def comes(plugin: str) -> bool:
            when = hooks[plugin][1].when
            return not when or not occasions.intersection(when) <= passed.get(plugin, frozenset())

        return [each for each in calls if comes(each.plugin.name)]


def _weigh(problem: Problem, change: Change, refused: list[Problem], force: bool) -> None:
    if problem.overridable and force:
        change.forced.append(problem.message)
    else:
        refused.append(problem)


def _could_not_check(plugin: Installed) -> Problem:
    return Problem(
        f"'{plugin.name}' could not check the change",
        overridable=True,
        hint=f"--force overrides, or tm config disable {plugin.name}",
    )
