"""The hooks. Each docstring is its reference entry: when it runs, what a failure does, an example.

A plugin implements a hook as a function of the same name, marked `@hookimpl`, in the module that
its manifest names for the hook. It may take fewer of the arguments than are listed here; what is
passed may grow attributes, so a signature never has to change.

Plugins are called in this order: those marked `tryfirst`, the others by registration (built-ins
first, then by name), those marked `trylast`. Wrappers are not supported: an implementation that is
called alone can be blamed alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from .context import ConfigProvider, Context, Handler, MetricCalculator, Validator
    from .hook_data import Availability, CommandEnd, Finding, Foreign, Problem
    from .model import Change, Task
    from .storage.backend import Backend

hookspec = pluggy.HookspecMarker("tm")
hookimpl = pluggy.HookimplMarker("tm")


def leaving(since: tuple[int, int], instead: str) -> DeprecationWarning:
    """Marks a hook, or an argument of one, that is to go: it stays for two minor versions.

        @hookspec(warn_on_impl=leaving((1, 1), "task_validate sees the same"))
        @hookspec(warn_on_impl_args={"force": leaving((1, 1), "ctx.forced")})

    Plugins that use it go on working; `tm plugins doctor` and the conformance kit tell of them.

    Args:
        since: The API version that first says so.
        instead: What to use.
    """
    until = f"{since[0]}.{since[1] + 2}"
    return DeprecationWarning(
        f"deprecated since API {since[0]}.{since[1]}, gone after {until}: {instead}"
    )


class Hooks(Protocol):
    """The specifications that pluggy checks implementations against."""

    @hookspec
    def task_draft(self, ctx: Context, draft: Change) -> None:
        """Amend a change before it is validated, by setting values of `draft.after`.

        Runs in the transaction, before `task_validate`. When it raises, the draft is restored, the
        plugin is skipped for this change, and a line on stderr says so.

            @hookimpl
            def task_draft(ctx, draft):
                if draft.before is None and draft.after.get("type") is None:
                    draft.after["type"] = "task"
        """

    @hookspec
    def task_validate(self, ctx: Context, change: Change) -> Iterable[Problem]:
        """Give the reasons why a change must not be made; none lets it pass.

        Runs in the transaction, on the change as it will be written. Any problem refuses the whole
        change (exit 5); an `overridable` one can be forced, which the event records. When it
        raises, that is a problem too, "could not check": the gate fails closed.

            @hookimpl
            def task_validate(ctx, change):
                if change.completes and not change.after["assignee"]:
                    yield Problem("a completed task needs an assignee", field="assignee")
        """

    @hookspec
    def task_refused(self, ctx: Context, change: Change, problems: Sequence[Problem]) -> None:
        """Note that a change was refused, for instance to count the attempts.

        Runs when the transaction in which `task_validate` refused it is over, whatever became of
        it, and not under `--dry-run`; the task is as it is without the change. What is recorded
        here by `ctx.event` is a transaction of its own. `change.data` has what the validators put
        there. When it raises, a line says so; raising a TmError says nothing. The command ends with
        the refusal in any case.

            @hookimpl
            def task_refused(ctx, change, problems):
                if change.completes:
                    with ctx.event("signoff.missing", change.after.id, problems=len(problems)):
                        pass
        """

    @hookspec
    def task_write(self, ctx: Context, change: Change) -> None:
        """Write the plugin's share of a change to its own tables, with `ctx.put`.

        Runs in the transaction, after the task's row is written, in a savepoint of its own. Further
        tasks may be changed through `ctx.update`. When it raises, its share is rolled back and a
        line says so; a plugin that the project requires rolls back everything.

            @hookimpl
            def task_write(ctx, change):
                if "depends_on" in change.options:
                    for other in change.options["depends_on"]:
                        ctx.put("dependencies_edge", {"task_id": ..., "depends_on": other}, {})
        """

    @hookspec
    def event_validate(self, ctx: Context, event_type: str, task_id: str) -> None:
        """Refuse, by raising a TmError, what a plugin records about a task beside changing it.

        Runs in the transaction, for each `ctx.event` about a task; not for changes of the task,
        which `task_validate` sees, nor for what another change brings about. `Hook.when` names
        types of event. When it raises anything else, the event is refused too, "could not check",
        unless `--force` is given: the gate fails closed.

            @hookimpl
            def event_validate(ctx, event_type, task_id):
                if ctx.get(task_id)["archived"]:
                    raise Conflict(f"task {task_id} is archived")
        """

    @hookspec
    def task_availability(self, ctx: Context) -> Iterable[Availability]:
        """Say which tasks can be taken up now, where their status alone does not tell.

        Runs when somebody asks for work that can be started, as the plugin that answers does by
        `ctx.collect("task_availability")`. The conditions are SQL over the table `task`, so that
        any number of tasks is judged in one query. When it raises, its conditions are left out and
        a line says so.

            @hookimpl
            def task_availability(ctx):
                yield Availability(
                    held="task.snoozed_until > ?", held_parameters=(ctx.now,)
                )
        """

    @hookspec
    def task_undone(self, ctx: Context, changes: Sequence[Change]) -> None:
        """Put right what follows from an undo for other tasks and tables.

        An undo writes tasks and plugins' rows back as the log has them, without the other hooks.
        Runs in its transaction, after that: each change (its action is `undo`) holds a task as it
        was before the undo and as it is now, and in `rows` what was written back; one that is gone,
        because its adding was undone, has the status `deleted` in `after`. Write through
        `ctx.update`, or inside `ctx.event`. Raising a TmError refuses the undo; any other error
        rolls back this plugin's share, and a line says so.

            @hookimpl
            def task_undone(ctx, changes):
                for change in changes:
                    if change.after.status == "pending" and must_wait(ctx, change.after):
                        ctx.update(change.after.id, status="blocked")
        """

    @hookspec
    def task_details(self, ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
        """Give what else there is to tell of tasks: part's name -> task id -> JSON value.

        Runs for `show`, `list --json` and `export`, once for many tasks: read with one query, never
        one per task. The same parts come back in `Change.details` when an export is imported, and
        `task_write` keeps them. When it raises, its parts are left out and a line says so.

            @hookimpl
            def task_details(ctx, tasks):
                rows = ctx.query_for(tasks, "SELECT task_id, note FROM notes_note")
                return {"notes": {row["task_id"]: row["note"] for row in rows}}
        """

    @hookspec
    def task_reading(
        self, ctx: Context, options: Mapping[str, Any], given: Mapping[str, Any]
    ) -> AbstractContextManager[None] | None:
        """Let a command read another state of the store than that of now.

        For a field that is not stored and that the manifest names in the hook's `when`: on the
        commands that the field names, it is an option, and `options` has what was given for it.
        `given` has what else the command was given. Runs before anything is read. The context
        manager is entered then and left when the command is done; inside it, temporary tables of
        the same names may stand before those of the store. Raising stops the command.

            @hookimpl
            def task_reading(ctx, options):
                return past(ctx.database, options["as_of"])
        """

    @hookspec
    def criterion_validators(self, ctx: Context) -> Iterable[Validator]:
        """Offer strategies that a criterion can name instead of an expression.

        Runs when criteria are checked, in the transaction. When a strategy raises, its criterion is
        *unknown*, which never counts as passed.

            class Signed:
                def get_name(self): return "signed"
                def validate(self, criterion, context): return bool(context.get("signed_by"))

            @hookimpl
            def criterion_validators(ctx):
                return [Signed()]
        """

    @hookspec
    def evidence(self, ctx: Context, task: Task, sources: Sequence[str]) -> Mapping[str, Any]:
        """Measure facts that criteria may name: `{"tests": {"failed": 0}}` gives `tests.failed`.

        Runs before the transaction opens, so it may read files and start programs. One that does
        not take `task` measures the same for every task, and is asked once where many are checked.
        When it raises, its names are absent, and the criteria that need them are *unknown*.

            @hookimpl
            def evidence():
                return {"build": {"size": os.path.getsize("build/app.bin")}}
        """

    @hookspec
    def metric_calculators(self, ctx: Context) -> Iterable[MetricCalculator]:
        """Offer measures of the work. Runs when metrics are asked for, on one read snapshot.

        `tasks.measure` heeds the period and the groups that were asked for; a calculator may also
        iterate over `tasks` as dicts. When it raises, its row shows the error.

            class Open:
                name = "open"
                def calculate(self, tasks):
                    return tasks.measure("count(*) AS n", lambda row: {"count": row["n"]},
                                         where="status = 'pending'", at="task.created_at")

            @hookimpl
            def metric_calculators(ctx):
                return [Open()]
        """

    @hookspec
    def event_handlers(self, ctx: Context) -> Iterable[Handler]:
        """Offer observers of what happened. They run after the commit, from the outbox.

        Every event that matches is handed to each handler at least once, in the order of the log,
        also when the process that wrote it died. A handler that raises never fails the command: the
        error is recorded, and the event is offered again later, after a growing pause. A process
        asks once, when the first event comes that `Hook.when` names.

            class Mail:
                name = "mail"
                pattern = "task.completed"
                def handle(self, event): send(event["task_id"])

            @hookimpl
            def event_handlers(ctx):
                return [Mail()]
        """

    @hookspec
    def config_providers(self, ctx: Context) -> Iterable[ConfigProvider]:
        """Offer further sources of configuration, between the user's files and the project's.

        Runs at start-up, once plugins are chosen; a provider cannot choose plugins or the store.
        When it raises, its layer is skipped and a line says so.
        """

    @hookspec
    def health_checks(self, ctx: Context) -> Iterable[Finding]:
        """Report what is well and what is not. Runs for `tm doctor`; raising is a finding too."""

    @hookspec
    def command_ended(self, ctx: Context, end: CommandEnd) -> None:
        """Observe how a command went: its name, its duration, its error, plugins' failures.

        Runs once per `tm`, after the command's output. `Hook.when` may name `succeeded`, `refused`
        (for what was asked: exit codes 2, 3, 5, 6, 7, a feature that is off), `failed`,
        `interrupted`, and `degraded` (a plugin did not do its part): a plugin that cares for
        `failed` only costs nothing otherwise. There may be no store, or one that cannot be opened:
        `ctx.settings` and `ctx.folder` are always there. What ended before the configuration could
        be read is not observed. When it raises, a line says so, and the command's own error and
        exit code stay.

            @hookimpl
            def command_ended(ctx, end):
                if end.error is not None:
                    beep()
        """

    @hookspec
    def foreign_store(self, path: str) -> Foreign | None:
        """Recognise a database that lies where a store should be and is not one; None otherwise.

        Runs when such a file is opened: the error says what it is and names the command that
        carries it over, and `tm init` runs that command. The file must only be read. When it
        raises, a line says so, and the file counts as unknown.

            @hookimpl
            def foreign_store(path):
                if has_their_tables(path):
                    return Foreign("belongs to Other Tool", "import-other")
        """

    @hookspec
    def storage_backends(self) -> Mapping[str, Backend]:
        """Offer storage engines, by URL scheme. Runs when a store with such a URL is opened.

        When it raises, the command stops: the store cannot be opened.
        """


HOOKS = tuple(name for name in vars(Hooks) if not name.startswith("_"))
