"""One run of `tm`: its global options, and the workspace and store opened when they are needed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import click

from tm_core.engine.changes import AlreadyDone, named_action
from tm_core.engine.performing import explained
from tm_core.engine.plugin_context import PluginContext
from tm_core.errors import (
    DatabaseError,
    FeatureDisabled,
    PluginError,
    TmError,
    UsageError,
    was_refused,
)
from tm_core.hook_data import CommandEnd
from tm_core.language import values
from tm_core.language.text import nearest, quote
from tm_core.language.when import instant_now
from tm_core.logs import log
from tm_core.manager import TaskManager
from tm_core.model import Action, Command, Document, Field
from tm_core.plugin_host.actions import signature_of
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import Installed, describe
from tm_core.workspace import Workspace

from .action_command import ActionCommand, add_shared, given_of
from .output import Output, standard

KERNEL = Installed("kernel", None, distribution="task-orchestrator")


_VERSION = Field("--if-version", "int", minimum=1)


class Invocation:
    """The object that all commands of one run share."""

    def __init__(
        self,
        as_json: bool,
        workspace: Workspace | None = None,
        clock: Callable[[], str] = instant_now,
    ) -> None:
        self.options: dict[str, Any] = {"as_json": as_json}
        self.output: Output = standard(as_json=as_json)
        self.reached = "tm"
        """The command on the line that was reached, for messages."""
        self._workspace = workspace
        self._clock = clock
        self._manager: TaskManager | None = None
        self._entries: dict[str, tuple[Installed, Action | Command]] | None = None
        self._warned: set[str] = set()
        self._started = time.perf_counter()
        self._command = self._feature = ""
        self.error: BaseException | None = None
        """What the command ended with."""

    def _warn(self, line: str) -> None:
        """Say it once, however often this run looks around."""
        if line not in self._warned:
            self._warned.add(line)
            self.output.warn(line)

    def take(self, values: Mapping[str, Any]) -> None:
        """Take over global options, wherever on the line they stood."""
        for name, value in values.items():
            if value:
                self.options[name] = value
        self.output.as_json = bool(self.options.get("as_json"))
        self.output.quiet = bool(self.options.get("quiet"))
        self.output.color = self.options.get("color") or self.output.color

    @property
    def workspace(self) -> Workspace:
        """The folder, the configuration and the plugins."""
        if self._workspace is None:
            get = self.options.get
            directory = get("directory") or "."
            if not os.path.isdir(directory):
                raise UsageError(f"there is no folder {quote(directory)}", "see what follows -C")
            self._workspace = Workspace(
                directory,
                store=get("store") or "",
                settings=get("settings") or (),
                plugin_flags=get("plugin_flags") or (),
                safe=bool(get("safe")),
                report=self._warn,
            )
            if not get("color"):
                self.output.color = str(self._workspace.config.get("output.color") or "auto")
        return self._workspace

    @property
    def manager(self) -> TaskManager:
        """The store. Raises NoStore where there is none."""
        if self._manager is None:
            self._manager = TaskManager(
                self.workspace,
                actor=self.options.get("actor") or "",
                show_progress=self.output.progress,
                for_program=self.output.as_json,
                clock=self._clock,
            )
        return self._manager

    def context(self, plugin: str) -> PluginContext:
        """A plugin's context; the store is opened when something in it is asked for."""
        return PluginContext(
            lambda: self.manager.shared, plugin, self.workspace, self.output.progress
        )

    def create(self, folder: str, store: str) -> TaskManager:
        """Make a store, with its folder; `store` is a path or URL, or empty for the usual file."""
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"the folder {folder} cannot be made: {error.strerror}", "choose another place"
            ) from error
        self.options["store"] = store or folder
        self.forget()
        self._manager = TaskManager(
            self.workspace,
            actor=self.options.get("actor") or "",
            create=True,
            clock=self._clock,
        )
        return self._manager

    def forget(self) -> None:
        """Look around anew when next asked, since the configuration has changed."""
        self.close()
        self._workspace = self._manager = self._entries = None

    def end(self) -> None:
        """Tell the observers how it went, and let go of the store."""
        if self._workspace is not None:
            try:
                self._observe(self._workspace.host)
            except Exception as error:
                # The command is done: neither a required plugin nor TM_STRICT can stop it any more.
                self.output.warn(error.message if isinstance(error, TmError) else describe(error))
        self.close()

    def _observe(self, host: Host) -> None:
        seconds = time.perf_counter() - self._started
        outcome = _outcome(self.error)
        reason = f" ({type(self.error).__name__})" if self.error is not None else ""
        level = "error" if outcome == "failed" else "info"
        log(level, "%s: %s%s after %.1f ms", self._command, outcome, reason, seconds * 1000)
        occasions = {outcome, "degraded"} if host.failures else {outcome}
        end = CommandEnd(self._command, self._feature, seconds, self.error, tuple(host.failures))
        for each in host.implementations("command_ended", occasions, committed=True):
            try:
                host.invoke(each, ctx=self.context(each.plugin.name), end=end)
            except Exception as error:
                host.blame(each.plugin, "command_ended", error, committed=True)

    def close(self) -> None:
        """Let go of the store."""
        if self._workspace is not None:
            self._workspace.close()

    def entries(self) -> dict[str, tuple[Installed, Action | Command]]:
        """All commands of the kernel and of the enabled plugins, by full name."""
        if self._entries is None:
            from .manifest import plugin

            kernel = KERNEL._replace(manifest=plugin)
            found: dict[str, tuple[Installed, Action | Command]] = {}
            found |= {name: (kernel, action) for name, action in plugin.actions.items()}
            found |= {name: (kernel, command) for name, command in plugin.commands.items()}
            host = self.workspace.host
            offered: dict[str, tuple[Installed, Action | Command]] = {**host.actions()}
            for name, (one, entry) in {**host.commands(), **offered}.items():
                if name in found:
                    cause = f"the command '{name}' belongs to {found[name][0].source}"
                    host.blame(one, "commands", UsageError(cause))
                else:
                    found[name] = (one, entry)
            self._entries = found
        return self._entries

    def command(self, full: str) -> click.Command:
        """The Click command of an entry; its module is imported now."""
        plugin, entry = self.entries()[full]
        self._command, self._feature = full, plugin.name
        loaded = self.workspace.host.load(plugin, entry.target)
        if isinstance(entry, Command):
            if not isinstance(loaded, click.Command):
                raise PluginError(f"{entry.target} is {type(loaded).__name__}, no Click command")
            add_shared(loaded)
            return loaded
        host, signature = self.workspace.host, signature_of(loaded)
        fields = host.fields_on(full) if signature.takes_fields else host.reading_options(full)
        return ActionCommand(full, plugin, entry, loaded, signature, fields, self.perform)

    def parse(self, words: Sequence[str]) -> tuple[str, dict[str, Any], str]:
        """What words after `tm` ask of an action: its name, what is given, the idempotency key.

        Nothing is run, and this run's own options stay as they are.

        Raises:
            UsageError: The words are no command, or stand for a plain one, or hold an option that
                concerns the whole run, such as `--actor`.
        """
        entries = self.entries()
        full = next(
            (
                " ".join(words[:n])
                for n in range(len(words), 0, -1)
                if " ".join(words[:n]) in entries
            ),
            "",
        )
        if not full or not isinstance(entries[full][1], Action):
            owner = self.workspace.host.owner_of(words[0]) if words else ""
            if owner:
                raise FeatureDisabled(owner)
            if full:
                raise UsageError(f"'{full}' is a command by itself", "run it alone")
            wrong = words[0] if words else ""
            raise UsageError(
                f"there is no command {quote(wrong)}",
                nearest(wrong, entries) or "tm --help lists them",
            )
        command = self.command(full)
        saved, self.options = self.options, {}
        try:
            rest = list(words[len(full.split()) :])
            with command.make_context(full, rest, obj=self, help_option_names=[]) as context:
                given = given_of(context)
            own = {name: value for name, value in self.options.items() if value}
        except click.UsageError as error:
            raise UsageError(f"{full}: {error.format_message().rstrip('.')}") from error
        finally:
            self.options = saved
            self.take({})
        key = str(own.pop("key", ""))
        if "if_version" in own:
            given["if_version"] = own.pop("if_version")
        own.pop("as_json", None)  # there is nothing else
        if own:
            name = next(iter(own)).replace("_", "-")
            raise UsageError(f"--{name} concerns the whole run, not one command in it")
        return full, given, key

    def owner_of_option(self, verb: str, flag: str) -> str:
        """The feature that is off and would offer an option."""
        return self.workspace.host.owner_of_option(verb, flag)

    def perform(self, command: ActionCommand, given: dict[str, Any]) -> None:
        """Run an action and show its result.

        A result may have a `failure`, an error that the command ends with once the result is shown;
        for other callers, who can look at the result, it is no exception. One that has a `question`
        has done nothing yet: a person is asked, and the action called again with `yes`.
        """
        if not command.entry.needs_store:
            positional, named = command.signature.bind(given, _no_task, {})
            with explained(self.workspace.host, command.plugin, command.full):
                context = self.context(command.plugin.name)
                result = command.function(context, *positional, **named)
            self._show(command, result)
            return
        manager = self.manager
        if command.plugin.name != KERNEL.name:
            self.workspace.host.check_enabled(command.plugin.name)
        repeated = False
        dry_run = bool(self.options.get("dry_run"))
        key = self.options.get("key") or ""
        if command.entry.writes and not key:
            key = self.workspace.environ.get("TM_REQUEST_ID", "")
        self.output.dry_run = dry_run
        action = named_action(command.full, given) if key else command.full
        try:
            with manager.options(
                dry_run=dry_run,
                key=key,
                action=action,
                expected=self._expected(command, given),
            ):
                result = manager.perform(
                    command.full, command.plugin, command.function, command.signature, given
                )
        except AlreadyDone as done:
            repeated = True
            result = manager.first_result(done)
        if repeated:
            self.output.say("Done before under this key; nothing was written")
        self.output.tell_dry_run()
        shown = command.plugin.name == "kernel" or self.output.as_json
        if repeated and not (isinstance(result, Document) or (shown and result is not None)):
            return  # the view is for another result, and stdout is for data that was asked for
        self._show(command, result)
        question = getattr(result, "question", "")
        if question and not (dry_run or repeated) and self._agrees(question):
            self.perform(command, {**given, "yes": True})

    def _expected(self, command: ActionCommand, given: dict[str, Any]) -> tuple[str, int] | None:
        """The task and version that `--if-version` is about, for actions that leave it to us."""
        version = self.options.pop("if_version", None)
        if version is None:
            return None
        task = command.signature.the_task
        if given.get(task) is None:
            raise UsageError("--if-version is about one task", "name it")
        return str(given[task]), int(values.check(_VERSION, version))

    def _agrees(self, question: str) -> bool:
        """Ask a person. Raises UsageError where there is none."""
        stdin = sys.stdin
        if self.output.as_json or not (stdin and stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"{question} Nothing was done", "--yes does it, --dry-run tries it")
        if click.confirm(question, err=True):
            return True
        self.output.say("Nothing was done")
        return False

    def _show(self, command: ActionCommand, result: Any) -> None:
        view = command.entry.view
        if not view or self.output.as_json:
            self.output.result(result)
        else:
            self.workspace.host.load(command.plugin, view)(result, self.output)
        failure = getattr(result, "failure", None)
        if isinstance(failure, TmError):
            raise failure


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "succeeded"
    if not isinstance(error, Exception) or isinstance(error, (EOFError, click.Abort)):
        return "interrupted"
    return "refused" if was_refused(error) else "failed"


def _no_task(prefix: str) -> NoReturn:
    raise UsageError("an action that needs no store takes no task")


def of(context: click.Context) -> Invocation:
    """The run that a Click context belongs to, with the global options seen so far."""
    root = context.find_root()
    invocation = root.obj
    assert isinstance(invocation, Invocation)
    invocation.take(root.params)
    return invocation
