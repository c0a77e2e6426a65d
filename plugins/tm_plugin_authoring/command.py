"""`tm plugin new`: asks what is wanted, or is told by options, and writes the package."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import click

from tm_core.api import (
    Conflict,
    InvalidValue,
    Run,
    TmError,
    UsageError,
    current_run,
    dry_run_option,
    nearest,
)

from . import examples
from .package import Choices, FieldChoice, files

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_COMMAND = re.compile(r"[a-z][a-z0-9-]*( [a-z][a-z0-9-]*)?")
_TYPES = (*examples.FIELD_VALUES, "enum")
_LONGEST = 40


@click.command(help="Write a new plugin package: manifest, examples, tests, all that it needs.")
@click.argument("name", required=False)
@click.option("--summary", help="What a user gets from it, in a few words", metavar="TEXT")
@click.option(
    "--hook",
    "hooks",
    multiple=True,
    metavar="HOOK",
    help=f"An example of this hook; may be repeated: {', '.join(examples.HOOKS)}",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME:TYPE",
    help="A field of tasks, such as points:int or size:enum=small,large; may be repeated",
)
@click.option("--action", "actions", multiple=True, metavar="NAME", help="A command of its own")
@click.option("--migration", is_flag=True, help="A table of its own, and commands that use it")
@click.option("--author", metavar="WHO", help="Your name, for the package")
@click.option("--directory", metavar="FOLDER", help="A new folder to write to: tm-NAME by default")
@dry_run_option
def new(
    name: str | None,
    summary: str | None,
    hooks: tuple[str, ...],
    fields: tuple[str, ...],
    actions: tuple[str, ...],
    migration: bool,
    author: str | None,
    directory: str | None,
) -> None:
    """Nothing that exists is overwritten, and nothing is half written."""
    run = current_run()
    if name is not None:
        _check_name(run, name)
    given: dict[str, Any] = {
        "name": name,
        "summary": summary,
        "hooks": hooks,
        "fields": fields,
        "actions": actions,
        "migration": migration,
        "author": author,
        "directory": directory,
    }
    if sys.stdin.isatty() and not (hooks or fields or actions or migration):
        given |= _asked(run, given)
    elif not (hooks or fields or actions or migration):
        given["actions"] = (name,)  # the least that somebody can try
    if not given["name"]:
        raise UsageError("'tm plugin new' needs a NAME", "tm plugin new --help")
    choices = _choices(run, given)
    _write(run, choices, str(given["directory"] or choices.distribution))


def _asked(run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a person at the terminal answers; each question is asked until it is answered well."""
    run.output.say("A plugin is made of hooks, fields and commands. Enter takes what is in [].")

    def ask(question: str, default: str, check: Callable[[str], object]) -> str:
        while True:
            answer = str(
                click.prompt(question, default=default, err=True, show_default=bool(default))
            )
            try:
                check(answer.strip())
            except TmError as error:
                run.output.error(error)
                continue
            return answer.strip()

    def ask_list(question: str, check: Callable[[str], object], default: str = "") -> list[str]:
        answer = ask(question, default, lambda text: [check(each) for each in _items(text)])
        return _items(answer)

    name = given["name"] or ask("Name, such as sign-off", "", lambda text: _check_name(run, text))
    found: dict[str, Any] = {"name": name}
    if not given["summary"]:
        found["summary"] = ask("What does a user get from it?", _summary(name), _check_line)
    found["actions"] = ask_list("Commands (names, by comma; - for none)", _check_action, name)
    hooks = ", ".join(examples.HOOKS)
    found["hooks"] = ask_list(f"Hooks ({hooks}; - for none)", _check_hook, "-")
    found["fields"] = ask_list("Fields of tasks (such as points:int; - for none)", _field, "-")
    found["migration"] = click.confirm("A table of its own?", default=False, err=True)
    if not given["author"]:
        found["author"] = ask("Your name", run.workspace.actor, _check_line)
    if not given["directory"]:
        found["directory"] = ask("Folder", f"tm-{name}", _check_line)
    return found


def _items(text: str) -> list[str]:
    """The items of a list as it is typed; the values of an enum stay together."""
    parts: list[str] = []
    for part in (each.strip() for each in text.split(",")):
        if parts and "=" in parts[-1] and ":" not in part:
            parts[-1] += f",{part}"
        elif part not in ("", "-"):
            parts.append(part)
    return parts


def _summary(name: str) -> str:
    return name.replace("-", " ").capitalize()


def _check_name(run: Run, name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InvalidValue(
            f"'{name[:_LONGEST]}' is not a plugin name", "lower-case letters, digits and dashes"
        )
    for one in run.workspace.host.installed:
        if one.name == name:
            raise Conflict(f"there is a plugin '{name}' already: {one.source}", "choose another")


def _check_line(text: str) -> None:
    if not text.isprintable() or not text.strip() or len(text) > 200:
        raise InvalidValue("it must be one line of text")


def _check_hook(hook: str) -> None:
    if hook not in examples.HOOKS:
        hint = nearest(hook, list(examples.HOOKS)) or f"known: {', '.join(examples.HOOKS)}"
        raise UsageError(f"there is no example of a hook '{hook}'", hint)


def _check_action(action: str) -> None:
    if not _COMMAND.fullmatch(action):
        raise InvalidValue(f"'{action}' is not a command's name", "one or two words in lower case")


def _field(text: str) -> FieldChoice:
    name, _, kind = text.partition(":")
    kind, _, values = kind.partition("=")
    choices = tuple(value.strip() for value in values.split(",") if value.strip())
    if not _WORD.fullmatch(name):
        raise InvalidValue(f"'{name}' is not a field's name", "lower case, digits, underscores")
    if kind not in _TYPES:
        raise InvalidValue(
            f"'{text}' has no type", f"such as {name}:str; known: {', '.join(_TYPES)}"
        )
    if (kind == "enum") != bool(choices):
        raise InvalidValue(f"'{text}': values are of an enum", f"{name}:enum=small,large")
    return FieldChoice(name, kind, choices)


def _choices(run: Run, given: Mapping[str, Any]) -> Choices:
    """What was given, checked. Raises TmError."""
    name = str(given["name"])
    for hook in given["hooks"]:
        _check_hook(hook)
    for action in given["actions"]:
        _check_action(action)
    summary = given["summary"] or _summary(name)
    author = given["author"] or run.workspace.actor
    for text in (summary, author):
        _check_line(text)
    fields = tuple(map(_field, given["fields"]))
    known = run.workspace.host.fields_on("add") | run.workspace.host.fields_on("update")
    for field in fields:
        if field.name in known:
            raise Conflict(f"tasks have a field '{field.name}' already", "choose another name")
    hooks = dict.fromkeys(given["hooks"])
    return Choices(
        name,
        str(summary).rstrip("."),
        str(author),
        tuple(hook for hook in examples.HOOKS if hook in hooks),
        tuple({field.name: field for field in fields}.values()),
        tuple(dict.fromkeys(given["actions"])),
        bool(given["migration"]),
    )


def _write(run: Run, choices: Choices, directory: str) -> None:
    """Write all or nothing: beside the folder first, then in one step to where it belongs."""
    target = os.path.abspath(directory)
    if os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise Conflict(f"{directory} is there already", "--directory takes a new folder")
    found = files(choices)
    if not run.output.dry_run:
        parent = os.path.dirname(target)
        try:
            os.makedirs(parent, exist_ok=True)
            scratch = tempfile.mkdtemp(prefix=".tm-plugin-", dir=parent)
            os.chmod(scratch, 0o755)
            try:
                for path, text in found.items():
                    file = os.path.join(scratch, *path.split("/"))
                    os.makedirs(os.path.dirname(file), exist_ok=True)
                    with open(file, "w", encoding="utf-8", newline="\n") as stream:
                        stream.write(text)
                os.rename(scratch, target)
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                raise
        except OSError as error:
            raise TmError(f"{directory} cannot be written: {error.strerror}") from error
    if run.output.as_json:
        run.output.json({"directory": target, "files": sorted(found)})
        return
    for path in sorted(found):
        run.output.data(os.path.join(directory, path))
    if not run.output.dry_run:
        run.output.say(f"Try it: cd {directory} && pip install -e '.[test]' && python -m pytest")
