"""Where templates are kept: the project's folder, the user's own, and installed packages.

The first place that has a name wins. A package offers templates by an entry point of the group
`tm.templates`, whose value names a package that holds the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from tm_core.api import (
    ConfigError,
    Context,
    NotFound,
    UsageError,
    ValidationError,
    load_yaml,
    nearest,
    user_config_path,
)

from .template import NAME, Template, read_template

_ENDINGS = (".yaml", ".yml", ".json")
_MOST_BYTES = 1_000_000
_GROUP = "tm.templates"


class Place(NamedTuple):
    """A template's file."""

    name: str
    where: str
    """`project`, `user`, or `package NAME`."""
    path: str


def folder(ctx: Context, *, user: bool = False) -> str:
    """The folder of the project's templates, or of the user's own."""
    base = os.path.dirname(user_config_path(os.environ)) if user else ctx.folder
    return os.path.join(base, "templates")


def all_places(ctx: Context) -> list[Place]:
    """Every template by name, the winning file of each."""
    found: dict[str, Place] = {}
    for place in _everywhere(ctx):
        found.setdefault(place.name, place)
    return sorted(found.values())


def _everywhere(ctx: Context) -> Iterator[Place]:
    yield from _in(folder(ctx), "project")
    yield from _in(folder(ctx, user=True), "user")
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    for point in sorted(entry_points(group=_GROUP)):
        try:
            spec = find_spec(point.value)
        except (ImportError, ValueError) as error:
            ctx.warn(f"templates of package {point.value} cannot be found: {error}")
            continue
        for path in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield from _in(path, f"package {point.value}")


def _in(path: str, where: str) -> Iterator[Place]:
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending in _ENDINGS and NAME.fullmatch(stem):
            yield Place(stem, where, os.path.join(path, name))


def named(ctx: Context, name: str) -> Place:
    """The file of a template.

    Raises:
        UsageError: That is no name; a path never is.
        NotFound: There is no such template.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"'{name[:60]}' is no template's name", "small letters, digits, - and _ make a name"
        )
    places = all_places(ctx)
    for place in places:
        if place.name == name:
            return place
    hint = nearest(name, [place.name for place in places]) or "tm template list shows them"
    raise NotFound(f"there is no template '{name}'", hint)


def load(place: Place) -> Template:
    """Read a template's file.

    Raises:
        ValidationError: It cannot be read, or is no template.
    """
    try:
        with open(place.path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValidationError(
                f"{place.path} has more than {_MOST_BYTES} bytes", "a template is a small file"
            )
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ValidationError(f"{place.path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValidationError(f"{place.path}: not UTF-8 at byte {error.start}") from None
    try:
        data = load_yaml(text, place.path)  # no aliases, no tags, little depth
    except ConfigError as error:
        raise ValidationError(error.message, "correct the template") from None
    return read_template(data, place.name, place.path)
