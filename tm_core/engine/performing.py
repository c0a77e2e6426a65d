"""Actions by name: the plugins' as methods, all of them for whoever serves them to others."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from keyword import iskeyword
from typing import Any

from tm_core.errors import DatabaseError, FeatureDisabled, PluginError, TmError, UsageError
from tm_core.language import values
from tm_core.language.text import nearest
from tm_core.model import Action, Document, Field, Task
from tm_core.plugin_host.actions import Signature, signature_of
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import Installed, describe

from .changes import AlreadyDone, named_action
from .plugin_context import Session
from .writing import Writer

_VERSION = Field("if_version", "int", minimum=1)


class Performer(Writer):
    """What a store's enabled plugins let people do, each action as a method."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._callable: dict[str, tuple[Installed, Callable[..., Any], Signature]] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or "host" not in self.__dict__:
            raise AttributeError(name)
        for command, (plugin, action) in self.host.actions().items():
            if method_name(command) == name:
                return self._bound(command, plugin, action)
        off = [one for one in self.host.installed if one.name not in self.host.enabled]
        for one in off:
            offered = one.manifest.actions if one.manifest is not None else ()
            if name in map(method_name, offered):
                raise FeatureDisabled(one.name)
        raise AttributeError(f"TaskManager has no action '{name}'")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *map(method_name, self.host.actions())]

    def _bound(self, command: str, plugin: Installed, action: Action) -> Callable[..., Any]:
        if command not in self._callable:
            loaded = self.host.load(plugin, action.target)
            self._callable[command] = (plugin, loaded, signature_of(loaded))
        _, function, signature = self._callable[command]

        def method(*arguments: Any, **named: Any) -> Any:
            return self.perform(
                command, plugin, function, signature, signature.given(arguments, named)
            )

        method.__name__ = method_name(command)
        method.__doc__ = function.__doc__
        whole = inspect.signature(function)
        without_context = whole.replace(parameters=list(whole.parameters.values())[1:])
        method.__signature__ = without_context  # type: ignore[attr-defined]  # inspect looks for it
        return method

    def perform(
        self,
        command: str,
        plugin: Installed,
        function: Callable[..., Any],
        signature: Signature,
        given: Mapping[str, Any],
    ) -> Any:
        """Call an action with what was given, checked.

        Raises:
            AlreadyDone: The idempotency key has done its work before.
            PluginError: The action failed in a way that its plugin did not foresee.
        """
        fields = self.host.fields_on(command)
        with self._reading(command, given) as rest:
            positional, named = signature.bind(rest, self.store.resolve, fields, self._moment)
            mark = self.host.calls.mark
            with explained(self.host, plugin, command):
                result = function(self._context(plugin.name), *positional, **named)
                if self.host.calls.leave_opened(mark):
                    raise RuntimeError("it left a transaction open")
                return result

    @contextmanager
    def _reading(self, command: str, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Let plugins say what is read, by options of theirs; gives what else was given."""
        known = self.host.reading_options(command)
        options = {
            name: values.check(known[name], given[name], now=self._moment)
            for name in given
            if name in known
        }
        if not options:
            yield given
            return
        rest = {name: value for name, value in given.items() if name not in options}
        with ExitStack() as stack:
            for each in self.host.implementations("task_reading", options):
                stack.enter_context(explained(self.host, each.plugin, command))
                context = self._context(each.plugin.name)
                state = self.host.invoke(each, ctx=context, options=options, given=rest)
                if state is not None:
                    stack.enter_context(state)
            yield rest

    def call(self, command: str, given: Mapping[str, Any], *, key: str = "") -> Any:
        """Run any action, the kernel's verbs included, by the name of its command.

        Args:
            command: As on the command line, such as `add` or `criteria confirm`.
            given: Values by parameter name, checked as those of the command are; of an action about
                one task also `if_version`.
            key: An idempotency key; done before under it, this gives the task that it was about.

        Raises:
            UsageError: There is no such action, or a parameter is missing or unknown.
            FeatureDisabled: The action is of a feature that is off.
            Conflict: The key was used for another action.
        """
        if command not in self._callable:
            self._callable[command] = self._action(command)
        plugin, function, signature = self._callable[command]
        expected: tuple[str, int] | None = None
        if "if_version" in given and "if_version" not in signature.names and signature.the_task:
            given = dict(given)
            version = values.check(_VERSION, given.pop("if_version"))
            expected = (str(given.get(signature.the_task, "")), version)
        try:
            action = named_action(command, given) if key else command
            with self.options(key=key, action=action, expected=expected):
                return self.perform(command, plugin, function, signature, given)
        except AlreadyDone as done:
            return self.first_result(done)

    def _action(self, command: str) -> tuple[Installed, Callable[..., Any], Signature]:
        from tm_core.command_line.manifest import plugin as kernel

        actions = self.host.actions()
        if command in kernel.actions:
            plugin, action = Installed("kernel", kernel), kernel.actions[command]
        elif command in actions:
            plugin, action = actions[command]
        else:
            owner = self.host.owner_of(command)
            if owner:
                raise FeatureDisabled(owner)
            raise UsageError(
                f"there is no action '{values.visible(command[:64])}'",
                nearest(command, [*kernel.actions, *actions]) or "tm --help lists them",
            )
        function = self.host.load(plugin, action.target)
        return plugin, function, signature_of(function)

    def take_key(self) -> str:
        """Take over the idempotency key of this action, which then names its writes itself."""
        request, self._changes.request = self._changes.request, None
        return request[0] if request else ""

    def once(self, key: str, action: str, *arguments: Any, **named: Any) -> Any:
        """Run an action under an idempotency key; done before, it gives the task that it was about.

        Args:
            key: Chosen by the caller, for one intended write.
            action: `add`, `complete`, or another action's name.
            arguments: For the action.
            named: For the action.

        Raises:
            Conflict: The key was used for another action.
        """
        try:
            with self.options(key=key, action=named_action(action, [arguments, named])):
                return getattr(self, method_name(action))(*arguments, **named)
        except AlreadyDone as done:
            return self.first_result(done)

    def first_result(self, done: AlreadyDone) -> Any:
        """What a repetition gives: the text that was kept, or the task that the write was about."""
        if done.result is not None:
            return Document(text for text in (done.result,))
        return self.task_of(done.transaction_id)

    def task_of(self, transaction_id: str) -> Task | None:
        """The task that a transaction was about: that of its first event; None if it is gone."""
        events = self.store.events("transaction_id = ?", [transaction_id], limit=1)
        event = next(events, None)
        if event is None or event["task_id"] is None:
            return None
        task = self.store.get(event["task_id"])
        if task is not None:
            self.add_details([task])
        return task


@contextmanager
def explained(host: Host, plugin: Installed, command: str) -> Iterator[None]:
    """Around an action: what its plugin did not foresee becomes a PluginError that names it."""
    try:
        yield
    except (TmError, AlreadyDone, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        if host.strict or plugin.name not in host.enabled:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            where = f" ({error.filename})" if error.filename else ""
            raise DatabaseError(
                f"the disk is full: {error.strerror}{where}", "free some space"
            ) from error
        raise PluginError(
            f"plugin '{plugin.name}' ({plugin.source}): '{command}': {describe(error)}",
            "--debug shows where, if you are its author",
        ) from error


def method_name(command: str) -> str:
    """The Python name of a command: `criteria confirm`: `criteria_confirm`, `import`: `import_`."""
    name = command.replace(" ", "_").replace("-", "_")
    return name + "_" if iskeyword(name) else name
