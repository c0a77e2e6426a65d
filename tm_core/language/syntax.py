"""The language of filters and criteria: a small, closed subset of Python expressions.

It is checked before anybody evaluates or compiles it, so that no text reaches an attribute, an
import, a loop or a computation that grows without bound.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tm_core.errors import ExpressionError

from .text import nearest, quote

if TYPE_CHECKING:
    import ast

MAX_CHARACTERS = 2000
MAX_DEPTH = 50
MAX_NODES = 200
MAX_DIGITS = 15

FUNCTIONS = {
    "lower": (1, 1),
    "upper": (1, 1),
    "length": (1, 1),
    "abs": (1, 1),
    "round": (1, 2),
    "min": (2, MAX_NODES),
    "max": (2, MAX_NODES),
    "contains": (2, 2),
    "startswith": (2, 2),
    "endswith": (2, 2),
}
"""The functions, with the least and the most arguments that they take."""

_NODES = re.compile(
    "BinOp|BoolOp|Call|Compare|Constant|Attribute|List|Name|Tuple|UnaryOp|Load"
    "|Add|Sub|Mult|Div|Mod|FloorDiv|And|Or|Not|USub"
    "|Eq|NotEq|Lt|LtE|Gt|GtE|In|NotIn|Is|IsNot"
)
_ALLOWED = (
    "an expression has names, text in quotes, numbers, True, False, None, comparisons, in, "
    "and, or, not, + - * / // % and the functions " + ", ".join(FUNCTIONS)
)
_NODE_HINTS = {
    "BitAnd": "use and",
    "BitOr": "use or",
    "Invert": "use not",
    "NamedExpr": "use == to compare",
    "JoinedStr": "use plain text in quotes",
}
_MISTAKES = (
    (r"&", "use and"),
    (r"\|", "use or"),
    (r"<>", "use != to compare"),
    (r"=>|=<", "use >= or <= to compare"),
    (r"(?<![=!<>])=(?!=)|===", "use == to compare"),
    (r"!(?!=)", "use not"),
    (r"\d\s*%\s*($|\)|and\b|or\b)", "write 100, not 100%"),
    (r"\b(AND|OR|NOT|IN|IS)\b", "write and, or, not, in, is in lower case"),
)


def parse(text: str) -> ast.expr:
    """The tree of an expression, checked: nothing is in it that the language does not have."""
    import ast

    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"the expression is too long: {len(text)} characters, and at most "
            f"{MAX_CHARACTERS} are allowed"
        )
    if not text.strip():
        raise ExpressionError("the expression is empty", _ALLOWED)
    try:
        with warnings.catch_warnings():  # such as that of an unknown escape in a text
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (RecursionError, MemoryError):
        raise _too_deep() from None
    except ValueError:  # a NUL, or a surrogate
        raise ExpressionError(f"{quote(text)} holds a character that is not text") from None
    except SyntaxError as error:
        if "nested parentheses" in error.msg:
            raise _too_deep() from None
        raise ExpressionError(f"{quote(text)} is not an expression", _hint(text)) from None
    _check_size(tree)
    lists: set[ast.expr] = set()  # those that stand where a list may stand
    for node in ast.walk(tree):  # parents come before their children
        if isinstance(node, ast.Compare):
            lists.update(_members(node))
        elif isinstance(node, ast.List | ast.Tuple) and node not in lists:
            raise ExpressionError("a list is only possible after in and not in")
        _check_node(node, text.strip())
    return tree


def names(tree: ast.expr) -> frozenset[str]:
    """The names that an expression reads, dotted ones as one: `tests.passed`."""
    return frozenset(_names(tree))


def dotted_name(node: ast.expr) -> str | None:
    """The name that a node of a checked tree stands for, or None if it is no name."""
    import ast

    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _names(node: ast.AST) -> Iterator[str]:
    import ast

    name = dotted_name(node) if isinstance(node, ast.expr) else None
    if name:
        yield name
        return
    inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in inner:
        yield from _names(child)


def _too_deep() -> ExpressionError:
    return ExpressionError("the expression is nested too deeply", "split it into several")


def _hint(text: str) -> str:
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    for pattern, hint in _MISTAKES:
        if re.search(pattern, bare):
            return hint
    return _ALLOWED


def _check_size(tree: ast.expr) -> None:
    import ast

    # Level by level, because recursion is what a deep tree would break.
    level: list[ast.AST] = [tree]
    depth = count = 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH:
            raise _too_deep()
        if count > MAX_NODES:
            raise ExpressionError(
                f"the expression has more than {MAX_NODES} parts", "split it into several"
            )
        level = [
            child
            for node in level
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
        ]


def _check_node(node: ast.AST, text: str) -> None:
    import ast

    kind = type(node).__name__
    if not _NODES.fullmatch(kind):
        hint = _NODE_HINTS.get(kind, _ALLOWED)
        if isinstance(node, ast.expr):
            shown = quote(ast.get_source_segment(text, node) or kind)
            raise ExpressionError(f"{shown} is not possible in an expression", hint)
        raise ExpressionError(f"{quote(text)} has an operator that is not possible", hint)
    match node:
        case ast.Constant():
            _check_constant(node)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if name.startswith("_"):
                raise ExpressionError(
                    f"{quote(name)} is not possible: it begins with '_'", "use a plain name"
                )
            if dotted_name(node) is None:
                raise ExpressionError(f"'.{name}' is only possible after a name")
        case ast.Call():
            _check_call(node)
        case ast.Compare():
            _check_compare(node)
        case ast.List() | ast.Tuple():
            if not all(_is_literal(item) for item in node.elts):
                raise ExpressionError("a list may only hold text, numbers, True, False and None")
        case ast.BinOp(op=ast.Mult() | ast.Mod() | ast.Sub() | ast.Div() | ast.FloorDiv()):
            # 'a' * 10**9 and '%1000000d' % 5 would fill the memory of whoever evaluates them.
            if _may_be_text(node.left) or _may_be_text(node.right):
                raise ExpressionError("text can be added, but not multiplied, divided or formatted")


def _check_constant(node: ast.Constant) -> None:
    value = node.value
    if isinstance(value, int):
        if value >= 2**63:
            raise ExpressionError("a whole number may have at most 64 bits")
    elif isinstance(value, float):
        if value == float("inf"):
            raise ExpressionError("a number is too large")
    elif isinstance(value, str):
        if "\0" in value or re.search(r"[\ud800-\udfff]", value):
            raise ExpressionError(f"{quote(value)} holds a character that is not text")
    elif value is not None:
        raise ExpressionError(f"{quote(repr(value))} is not possible in an expression", _ALLOWED)


def _check_call(node: ast.Call) -> None:
    import ast

    name = dotted_name(node.func) or ""
    if name not in FUNCTIONS:
        hint = nearest(name, FUNCTIONS) or "the functions are " + ", ".join(FUNCTIONS)
        raise ExpressionError(f"there is no function {quote(name or '(...)')}", hint)
    least, most = FUNCTIONS[name]
    if node.keywords or not least <= len(node.args) <= most:
        wanted = str(least) if least == most else f"{least} or more"
        raise ExpressionError(f"{name}() takes {wanted} plain arguments")
    if name == "round" and len(node.args) == 2:
        digits = node.args[1]
        # A literal, because round(5, -10**9) computes a number with that many digits.
        if not isinstance(digits, ast.Constant) or digits.value not in range(MAX_DIGITS + 1):
            raise ExpressionError(f"round() takes from 0 to {MAX_DIGITS} digits, as a number")


def _check_compare(node: ast.Compare) -> None:
    import ast

    for operator, right in zip(node.ops, node.comparators, strict=True):
        none = isinstance(right, ast.Constant) and right.value is None
        if isinstance(operator, ast.Is | ast.IsNot) and not none:
            raise ExpressionError("is and is not are only possible with None", "use == or !=")


def _members(node: ast.Compare) -> Iterator[ast.expr]:
    import ast

    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, ast.In | ast.NotIn):
            yield right


def _is_literal(node: ast.expr) -> bool:
    import ast

    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
        return isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return isinstance(node, ast.Constant)


def _may_be_text(node: ast.expr) -> bool:
    """Whether text that is written in the expression may be the node's value."""
    import ast

    match node:
        case ast.Constant():
            return isinstance(node.value, str)
        case ast.BinOp():
            return _may_be_text(node.left) or _may_be_text(node.right)
        case ast.BoolOp():
            return any(_may_be_text(value) for value in node.values)
        case ast.Call():
            return dotted_name(node.func) in ("lower", "upper") or (
                dotted_name(node.func) in ("min", "max") and any(map(_may_be_text, node.args))
            )
    return False
