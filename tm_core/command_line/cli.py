"""The command `tm`: a lazy command group, and the one place where errors become exit codes.

Commands, their help rows and the options that fields add come from the manifests in the index; an
action's module is imported when the action is invoked.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from tm_core import __version__
from tm_core.errors import FeatureDisabled, TmError, UsageError
from tm_core.language.when import instant_now
from tm_core.logs import LEVELS, listening

from .invocation import Invocation, of
from .output import standard, unwritable
from .parameters import PlainHelp

_KERNEL_SECTION = "Commands"


class Group(PlainHelp, click.Group):
    """Commands by name, made when they are asked for; a name with a space is a subcommand."""

    def __init__(self, prefix: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.prefix = prefix

    def _names(self, ctx: click.Context) -> dict[str, tuple[str, str]]:
        """First words after the prefix -> (help, the plugin that offers it)."""
        found: dict[str, tuple[str, str]] = {}
        for full, (plugin, entry) in of(ctx).entries().items():
            if not full.startswith(self.prefix) or getattr(entry, "hidden", False):
                continue
            name, _, rest = full[len(self.prefix) :].partition(" ")
            if rest:
                summary = plugin.manifest.summary if plugin.manifest is not None else ""
                found.setdefault(name, (summary, plugin.name))
            else:
                found[name] = (entry.help, plugin.name)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._names(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        invocation = of(ctx)
        full = self.prefix + cmd_name
        entries = invocation.entries()
        subcommands = any(name.startswith(full + " ") for name in entries)
        if full in entries and not subcommands:
            return invocation.command(full)
        if subcommands:
            own = invocation.command(full) if full in entries else None
            help_text = own.help if own is not None else self._names(ctx).get(cmd_name, ("",))[0]
            return SubGroup(own=own, prefix=full + " ", name=cmd_name, help=help_text)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name == "help" and not self.prefix:
            words = [word for word in args[1:] if not word.startswith("-")]
            if words in ([], ["help"]):
                _show_help(ctx)
            return self.resolve_command(ctx, [*words, "--help"])
        of(ctx).reached = f"{ctx.command_path} {name}"
        command = self.get_command(ctx, name)
        if command is not None:
            return name, command, args[1:]
        if not name.startswith("-"):
            owner = of(ctx).workspace.host.owner_of(self.prefix + name)
            if owner:
                raise FeatureDisabled(owner)
            raise UsageError(
                f"there is no command '{self.prefix}{name}'",
                suggestion(name, self.list_commands(ctx)) or "tm --help lists them",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, (text, plugin) in self._names(ctx).items():
            section = _KERNEL_SECTION if plugin == "kernel" or self.prefix else plugin
            sections.setdefault(section, []).append((name, text))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=text)
            for name, (text, _) in self._names(ctx).items()
            if name.startswith(incomplete)
        ]


class SubGroup(Group):
    """The commands after a first word, which may be a command itself."""

    def __init__(self, own: click.Command | None, **options: Any) -> None:
        super().__init__(invoke_without_command=own is not None, **options)
        self._own = own
        if own is not None:
            self.params = own.params
            self.callback = self._run_own

    def _run_own(self, **values: Any) -> Any:
        context = click.get_current_context()
        if context.invoked_subcommand is None and self._own is not None:
            return self._own.invoke(context)
        return None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # A group without arguments would show its help; a command of its own runs instead.
        self.no_args_is_help = self._own is None
        return super().parse_args(ctx, args)


def _show_help(ctx: click.Context) -> NoReturn:
    click.echo(ctx.get_help(), color=ctx.color)
    ctx.exit()


def suggestion(word: str, known: Sequence[str]) -> str:
    """`did you mean 'list'?`, or nothing."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def group() -> Group:
    """The command `tm` itself."""
    options: list[click.Parameter] = [
        click.Option(["--json", "as_json"], is_flag=True, help="Data as JSON on stdout"),
        click.Option(["--actor", "--agent-id", "actor"], help="Who acts", metavar="WHO"),
        click.Option(["--store"], help="The store: a folder, a .db file or a URL", metavar="PATH"),
        click.Option(["-C", "directory"], help="Start in this folder", metavar="FOLDER"),
        click.Option(
            ["-c", "settings"], multiple=True, help="Set a configuration key", metavar="KEY=VALUE"
        ),
        click.Option(
            ["-p", "plugin_flags"],
            multiple=True,
            help="Turn a feature on, or off with no:NAME",
            metavar="NAME",
            shell_complete=_complete_feature,
        ),
        click.Option(["--safe"], is_flag=True, help="The kernel only, no plugins"),
        click.Option(["--color"], type=click.Choice(["auto", "always", "never"])),
        click.Option(["-q", "--quiet"], is_flag=True, help="No sentences on stderr"),
        click.Option(["--debug"], is_flag=True, help="Show tracebacks"),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version",
        ),
    ]
    for option in options:
        option.is_eager = True  # as --help is, which must know what stands before it
    return Group(
        name="tm",
        params=options,
        help="Tasks of people and coding agents, with a measurable definition of done.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog="tm COMMAND --help tells more.",
    )


def _complete_feature(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    names = [one.name for one in of(ctx).workspace.host.installed]
    offered = [prefix + name for prefix in ("", "no:") for name in names]
    return [each for each in offered if each.startswith(begun)]


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"tm {__version__}")
        ctx.exit()


def run(arguments: Sequence[str], clock: Callable[[], str] = instant_now) -> int:
    """Run one command and give its exit code. Never raises.

    Args:
        arguments: What comes after `tm`.
        clock: Gives the present instant, UTC, canonical.
    """
    arguments = list(arguments)
    level = os.environ.get("TM_LOG", "").lower()
    if level and level not in LEVELS:
        standard(as_json=False).warn(f"TM_LOG is one of {', '.join(LEVELS)}")
        level = ""
    with listening(level):
        return _run(arguments, clock)


def _run(arguments: list[str], clock: Callable[[], str]) -> int:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    invocation = Invocation("--json" in arguments[:end], clock=clock)
    completing = bool(os.environ.get("_TM_COMPLETE"))
    if completing:
        # In the middle of a line that somebody types, no sentence is welcome.
        invocation.output.silence()
    try:
        return _invoke(arguments, invocation)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except SystemExit as leaving:  # from a plugin's plain command
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except (KeyboardInterrupt, EOFError, click.Abort) as error:
        invocation.error = error
        invocation.output.say("")
        return 130
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in arguments[:end]:
            import traceback

            traceback.print_exc()
        if isinstance(error, NoArgsIsHelpError) and not invocation.output.as_json:
            click.echo(error.format_message())
            return 0
        explained = _explained(error, invocation)
        invocation.error = explained if isinstance(error, click.ClickException) else error
        invocation.output.error(explained)
        return explained.exit_code
    finally:
        if completing:
            invocation.close()
        else:
            invocation.end()


def _invoke(arguments: list[str], invocation: Invocation) -> int:
    # Click's own `main` would turn a broken pipe into exit code 1.
    command = group()
    wanted = os.environ.get("_TM_COMPLETE")
    if wanted:
        from click.shell_completion import shell_complete

        return shell_complete(command, {"obj": invocation}, "tm", "_TM_COMPLETE", wanted)
    with command.make_context("tm", arguments, obj=invocation) as context:
        code = command.invoke(context)
    return code if isinstance(code, int) else 0


def _explained(error: Exception, invocation: Invocation) -> TmError:
    """What went wrong, as one line for a person."""
    try:
        if isinstance(error, TmError):
            return error
        if isinstance(error, click.UsageError):
            return _usage(error, invocation)
    except TmError as worse:  # the configuration, which is needed to explain it, is broken
        return worse
    if isinstance(error, click.ClickException):
        return TmError(error.format_message())
    text = " ".join(str(error).split())
    return TmError(f"unexpected {type(error).__name__}: {text}", "--debug shows where; tm doctor")


def _usage(error: click.UsageError, invocation: Invocation) -> TmError:
    command = error.ctx.command_path if error.ctx is not None else invocation.reached
    if isinstance(error, NoArgsIsHelpError):
        return UsageError(f"'{command}' needs a command", f"{command} --help")
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error, command, invocation)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        label = error.param.make_metavar(error.ctx) if error.ctx is not None else error.param.name
        return UsageError(f"'{command}' needs {label}", f"{command} --help")
    message = error.format_message()
    unknown = re.match(r"No such command '([^']*)'", message)
    if unknown and error.ctx is not None and isinstance(error.ctx.command, click.Group):
        near = suggestion(unknown[1], error.ctx.command.list_commands(error.ctx))
        message = f"there is no command '{command.removeprefix('tm ')} {unknown[1]}'"
        return UsageError(message, near or f"{command} --help")
    return UsageError(message[:1].lower() + message[1:].rstrip("."), f"{command} --help")


def _no_such_option(error: click.NoSuchOption, command: str, invocation: Invocation) -> TmError:
    flag = error.option_name
    verb = command.removeprefix("tm").strip()
    owner = invocation.owner_of_option(verb, flag)
    if owner:
        return FeatureDisabled(owner)
    message = f"'{command}' has no option {flag}"
    if error.ctx is not None:
        root = error.ctx.find_root().command
        if root is not error.ctx.command and any(flag in each.opts for each in root.params):
            return UsageError(message, f"it stands before the command: tm {flag} ... {verb}")
        known = [each for parameter in error.ctx.command.params for each in parameter.opts]
        near = suggestion(flag, known)
        if near:
            return UsageError(message, near)
    if not flag.startswith("--"):
        return UsageError(message, f"{command} --help; text that begins with a dash goes after --")
    return UsageError(message, f"{command} --help")


def main() -> NoReturn:
    """The console script. Leaves without the interpreter's clean-up: all is committed by then."""
    # A stream that the caller has closed is None; and its number must not go to another file.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # open to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # open to the end
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        code = code or 1
        standard(as_json=False).error(unwritable(error))
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)
