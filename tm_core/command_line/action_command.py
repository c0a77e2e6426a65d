"""An action as a Click command: its arguments, options and help, and how its line is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from tm_core.errors import InvalidValue
from tm_core.model import Action, Field
from tm_core.plugin_host.actions import Signature
from tm_core.plugin_host.registry import Installed

from .parameters import PlainHelp, help_text, option_of, parameter_of


class ActionCommand(PlainHelp, click.Command):
    """An action as a command: arguments, options and help from its signature and the fields."""

    def __init__(
        self,
        full: str,
        plugin: Installed,
        entry: Action,
        function: Any,
        signature: Signature,
        fields: Mapping[str, Field],
        perform: Callable[[ActionCommand, dict[str, Any]], None],
    ) -> None:
        """Make it of what is declared; `perform` gets what was given, by parameter name."""
        self.full = full
        self.plugin = plugin
        self.entry = entry
        self.function = function
        self.signature = signature
        self._perform = perform
        self.spellings = {
            each.name: each.flags[-1] for each in signature.parameters if each.kind == "option"
        } | {name: field.options[-1] for name, field in fields.items() if field.options}
        own: list[click.Parameter] = [parameter_of(each) for each in signature.parameters]
        taken = {flag for parameter in own for flag in parameter.opts}
        for field in fields.values():
            option = option_of(field, multiple=field.type == "list", taken=taken)
            if option is not None and field.name not in {p.name for p in own}:
                own.append(option)
                taken.update(option.opts)
        super().__init__(
            name=full.rpartition(" ")[2],
            params=[
                *own,
                *_shared(
                    writes=entry.writes,
                    taken=taken,
                    about_a_task=bool(signature.the_task),
                ),
            ],
            callback=None,
            help=help_text(entry.help, signature.text),
            short_help=entry.help,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the line; `--file a b` means `--file a --file b` where b could be nothing else."""
        try:
            return super().parse_args(ctx, list(args))
        except click.UsageError:
            repeated = self._repeated(args)
            if repeated == args:
                raise
            return super().parse_args(ctx, repeated)

    def _repeated(self, args: Sequence[str]) -> list[str]:
        """The line with a repeatable option before each of the values that follow one.

        What a required argument still waits for is none of them.
        """
        options = {
            flag: param
            for param in self.params
            if isinstance(param, click.Option)
            for flag in param.opts
        }
        wanting = sum(isinstance(each, click.Argument) and each.required for each in self.params)
        found: list[str] = []
        repeated, value_follows = "", False
        for place, word in enumerate(args):
            if word == "--":
                return [*found, *args[place:]]
            if value_follows:
                value_follows = False
            elif word.startswith("-") and word != "-":
                option = options.get(word)
                value_follows = option is not None and not option.is_flag
                repeated = word if option is not None and option.multiple else ""
            elif wanting:
                wanting -= 1
            elif repeated:
                found.append(repeated)
            found.append(word)
        return found

    def invoke(self, ctx: click.Context) -> None:
        """Run the action."""
        try:
            self._perform(self, given_of(ctx))
        except InvalidValue as error:
            # Its author knows a parameter's name, its user the option's spelling.
            name = str(error.details.get("field"))
            if name in self.spellings:
                error.message = error.message.replace(name, self.spellings[name], 1)
            raise


def given_of(ctx: click.Context) -> dict[str, Any]:
    """What was given on a line, by parameter name."""
    given = {n: v for n, v in ctx.params.items() if v is not None and v != ()}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in given.items()}


def _shared(*, writes: bool, taken: set[str], about_a_task: bool = False) -> list[click.Parameter]:
    """Options that every command takes, so that they may stand anywhere on the line."""

    def option(flags: list[str], name: str, **more: Any) -> click.Option:
        return click.Option([*flags, name], expose_value=False, callback=_take, **more)

    options = [
        option(["--json"], "as_json", is_flag=True, help="Data as JSON"),
        option(["--actor", "--agent-id"], "actor", metavar="WHO", help="Who acts"),
        option(["-q", "--quiet"], "quiet", is_flag=True, hidden=True),
        click.Option(
            ["--format", "format"],
            type=click.Choice(["text", "json"]),
            expose_value=False,
            callback=_take_format,
            hidden=True,
        ),
        option(["--debug"], "debug", is_flag=True, hidden=True),
    ]
    if writes:
        options += [
            option(["--dry-run"], "dry_run", is_flag=True, help="Check all, write nothing"),
            option(["--key"], "key", metavar="KEY", help="Do it only once under this key"),
        ]
    if writes and about_a_task:
        text = "Only if the task still has this version"
        options.append(option(["--if-version"], "if_version", metavar="N", help=text))
    return [each for each in options if not taken.intersection(each.opts)]


def _run(ctx: click.Context) -> Any:
    """The run that the command belongs to: `invocation.Invocation`, which imports this module."""
    return ctx.find_root().obj


def _take(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        _run(ctx).take({param.name or "": value})


def _take_format(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """`--format json` is `--json`, on commands that know no further formats."""
    if value == "json":
        _run(ctx).take({"as_json": True})


def add_shared(command: click.Command) -> None:
    """Give a plain command, and those below it, the options that every command has."""
    taken = {flag for parameter in command.params for flag in parameter.opts}
    command.params = [*command.params, *_shared(writes=False, taken=taken)]
    for below in getattr(command, "commands", {}).values():
        add_shared(below)
