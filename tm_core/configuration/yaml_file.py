"""The subset of YAML that a configuration may use, read into plain JSON values.

PyYAML costs a quarter of a start-up, so it is imported when there is something to read. Strict
where YAML surprises: no aliases (they let a small file swell to gigabytes), no duplicate keys, no
tags; keys are always text, and so are dates and `12:30`.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from tm_core.errors import ConfigError

if TYPE_CHECKING:
    import yaml

MAX_DEPTH = 50
_TAG = "tag:yaml.org,2002:"
_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+")


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """The mapping that `text` holds; empty for an empty text.

    `origin` names the text in errors. Raises ConfigError with line and column if it is not YAML,
    not a mapping at the top, or uses what a configuration must not.
    """
    value = parse_any(text, origin)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(
            f"{origin}: holds {_kind(value)}, not keys with values",
            "write one 'key: value' per line",
        )
    return value


def parse_any(text: str, origin: str) -> Any:
    """Like `parse_yaml`, for a text that may hold any value."""
    import yaml

    node = compose(text, origin, fast=True)
    return None if node is None else _plain(node, yaml.constructor.SafeConstructor(), origin)


def compose(text: str, origin: str, *, fast: bool = False) -> yaml.Node | None:
    """The tree of nodes with their places in `text`, known to hold no alias and little depth.

    The C parser, where there is one, is fast, and gives places in bytes rather than characters.
    """
    import yaml

    c_loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        # The events come first: the C composer recurses without limit and would crash the process.
        for event in yaml.parse(text, Loader=c_loader):
            if isinstance(event, yaml.AliasEvent):
                raise _refused(origin, event.start_mark, "aliases (*name) are not allowed")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise _refused(origin, event.start_mark, "nested too deeply")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        node: yaml.Node | None = yaml.compose(text, Loader=c_loader if fast else yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # Some versions of the parser have a limit of their own, above ours, and meet it first.
        too_deep = "nesting depth" in str(error.problem)
        problem = "nested too deeply" if too_deep else f"not YAML: {error.problem}"
        raise _refused(origin, error.problem_mark or error.context_mark, problem) from None
    except (yaml.YAMLError, UnicodeError) as error:
        reason = getattr(error, "reason", "")
        raise ConfigError(
            f"{origin}: not YAML: {reason or 'unreadable characters'}", "save it as UTF-8 text"
        ) from None
    return node


def _plain(node: yaml.Node, constructor: yaml.constructor.SafeConstructor, origin: str) -> Any:
    import yaml

    tag = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.MappingNode) and tag == "map":
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(origin, key.start_mark, "a key must be text")
            if key.value in values:
                raise _refused(origin, key.start_mark, f"{key.value!r} is there twice")
            values[key.value] = _plain(value, constructor, origin)
        return values
    if isinstance(node, yaml.SequenceNode) and tag == "seq":
        return [_plain(item, constructor, origin) for item in node.value]
    if not isinstance(node, yaml.ScalarNode) or tag not in _SCALARS:
        raise _refused(origin, node.start_mark, f"the tag {node.tag!r} is not allowed")
    # YAML 1.1 reads 12:30 as 750, in base 60: nobody means that. And JSON's 1e3 it takes for text.
    exponent = tag == "str" and not node.style and _EXPONENT.fullmatch(node.value)
    sexagesimal = tag in ("int", "float") and ":" in node.value
    if not exponent and (sexagesimal or tag in ("str", "timestamp", "merge", "value")):
        return str(node.value)
    try:
        value = float(node.value) if exponent else constructor.construct_object(node)
    except (ValueError, OverflowError, KeyError):
        raise _refused(origin, node.start_mark, f"not a valid {tag}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(origin, node.start_mark, "a number must be finite")
    return value


_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "merge", "value"})


def _refused(origin: str, mark: Any, why: str) -> ConfigError:
    place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
    why = " ".join(why.split())
    return ConfigError(
        f"{origin}{place}: {why}", "correct the file, or set it aside: tm --safe config reset"
    )


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a single value"
