"""An action's parameters and the fields that it takes, as Click's arguments and options."""

from __future__ import annotations

from typing import Any

import click

from tm_core.errors import UsageError
from tm_core.model import Field
from tm_core.plugin_host.actions import Parameter


class PlainHelp(click.Command):
    """A command whose `--help` is not translated.

    Click asks the system for a translation of that option's help at every start, which imports the
    locale module; `tm` speaks English only.
    """

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The one that Click would make, with the text as it is."""
        flags = self.get_help_option_names(ctx)
        if flags and self.add_help_option and self._help_option is None:
            self._help_option = click.Option(
                [*flags, "help_wanted"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                help="Show this message and exit.",
                callback=_show_help,
            )
        return self._help_option


def _show_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def parameter_of(parameter: Parameter) -> click.Parameter:
    """A parameter of an action's function."""
    from .completion import TaskIdType

    kind: Any = TaskIdType() if parameter.is_task else click.UNPROCESSED
    if parameter.kind == "option":
        multiple = parameter.field.type == "list"
        option = option_of(parameter.field, multiple=multiple, taken=set(), flags=parameter.flags)
        assert option is not None
        option.required = parameter.required
        if parameter.is_task:
            option.type = kind
        return option
    many = parameter.kind == "arguments"
    name = parameter.name.upper().replace("_", "-") + ("..." if many else "")
    return click.Argument(
        [parameter.name],
        type=kind,
        nargs=-1 if many else 1,
        required=parameter.required,
        metavar=name if parameter.required else f"[{name}]",
    )


def option_of(
    field: Field, *, multiple: bool, taken: set[str], flags: tuple[str, ...] = ()
) -> click.Option | None:
    """An option for a field; None if all its spellings are taken."""
    flags_of_action = bool(flags)
    flags = flags or field.options or ("--" + field.name.replace("_", "-"),)
    free = [flag for flag in flags if flag not in taken]
    if not free:
        return None
    if field.type == "bool" and (flags_of_action or not field.stored):
        return click.Option([*free, field.name], is_flag=True, default=None, help=field.help)
    choices = f"one of {', '.join(field.choices)}" if field.choices else ""
    help_text = f"{field.help} ({choices})" if choices and field.help else field.help or choices
    return click.Option(
        [*free, field.name],
        type=_type_of(field),
        multiple=multiple,
        default=None,
        help=help_text,
        metavar=_METAVARS.get(field.type, flags[-1].lstrip("-").replace("-", "_").upper()),
        callback=_from_file if field.type == "json" else None,
        shell_complete=lambda ctx, param, begun: [c for c in field.choices if c.startswith(begun)],
    )


def _type_of(field: Field) -> Any:
    from .completion import TaskIdType

    return TaskIdType() if field.type == "task" else click.UNPROCESSED


_METAVARS = {
    "task": "ID",
    "int": "N",
    "float": "NUMBER",
    "duration": "HOURS",
    "datetime": "WHEN",
    "json": "JSON|@FILE",
    "bool": "YES|NO",
}


def _from_file(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """JSON is long: `@FILE` stands for what is in the file. No JSON begins with `@`."""
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    try:
        with open(value[1:], encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"{param.opts[0]} cannot read '{value[1:]}': {cause}") from None


def help_text(summary: str, docstring: str) -> str:
    """What the function says for people, without the part for Python callers."""
    text = docstring
    for heading in ("Args:", "Raises:", "Returns:"):
        text = text.partition(heading)[0]
    return text.strip() or summary
