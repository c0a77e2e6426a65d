"""Parts of an expression as SQL, with what each of them is in the language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tm_core.errors import ExpressionError
from tm_core.model import Field
from tm_core.record import Record

from .text import quote

if TYPE_CHECKING:
    import ast

KINDS = {
    "str": "text",
    "task": "text",
    "int": "number",
    "float": "number",
    "duration": "number",
    "bool": "truth",
    "datetime": "instant",
    "enum": "enum",
    "json": "json",
    "list": "list",
}
TEXTS = ("text", "enum")
_ARTICLES = {
    "text": "text",
    "enum": "text",
    "number": "a number",
    "truth": "a condition",
    "instant": "a date or time",
    "list": "a list",
    "json": "JSON",
    "none": "None",
}

# SQLite's parser gives up at a stack of 100. An opening parenthesis needs up to 3 places, and
# one of a subquery up to 6; a bit is left to the caller.
_STACK = 88
_NESTING = re.compile(r"'(?:[^']|'')*'|\(SELECT\b|\(|\)")


class Term(Record):
    """A part of the expression in SQL, and what it is in the language."""

    kind: str
    sql: str
    params: tuple[object, ...] = ()
    field: Field | None = None
    """For a column."""
    literal: bool = False
    """The only parameter is a value that the user wrote."""


def floor(number: str) -> str:
    """The greatest whole number that is not above a number, in SQL."""
    # PostgreSQL rounds where SQLite truncates, so that both need the correction. Beyond 2**53 every
    # number is whole. A subquery holds the value, because parameters must not occur twice.
    return (
        "(SELECT CASE WHEN p.v BETWEEN -9e15 AND 9e15 THEN CAST(CAST(p.v AS BIGINT)"
        " - CASE WHEN CAST(p.v AS BIGINT) > p.v THEN 1 ELSE 0 END AS DOUBLE PRECISION)"
        f" ELSE p.v END FROM (SELECT {number} AS v) AS p)"
    )


def rounded(term: Term, digits: int) -> Term:
    """Halves go to the even neighbour, as in Python."""
    value, params = double(term), term.params
    if digits:
        value, params = f"{value} * ?", (*params, 10.0**digits)
    sql = (
        "(SELECT CASE WHEN r.v - r.f > 0.5 OR (r.v - r.f = 0.5 AND CAST(r.f AS BIGINT) & 1 = 1)"
        f" THEN r.f + 1 ELSE r.f END FROM (SELECT q.v AS v, {floor('q.v')} AS f"
        f" FROM (SELECT {value} AS v) AS q) AS r)"
    )
    if digits:
        sql, params = f"({sql} / ?)", (*params, 10.0**digits)
    return Term("number", sql, params)


def affix(text: Term, part: Term, *, at_end: bool) -> Term:
    """Whether a text begins, or ends, with another."""
    a, b = text.sql, part.sql
    if not at_end:
        sql = f"(SUBSTR({a}, 1, LENGTH({b})) = {b})"
        return Term("truth", sql, text.params + part.params * 2)
    sql = f"(LENGTH({a}) >= LENGTH({b}) AND SUBSTR({a}, LENGTH({a}) - LENGTH({b}) + 1) = {b})"
    return Term("truth", sql, text.params + part.params + text.params * 2 + part.params * 2)


def literal(value: Any) -> Term:
    """A value that the user wrote; None is written as NULL."""
    if value is None:
        return Term("none", "NULL")
    if isinstance(value, bool):
        return Term("truth", "TRUE" if value else "FALSE")
    return Term("text" if isinstance(value, str) else "number", "?", (value,), literal=True)


def value_of(term: Term) -> Any:
    """What the user wrote for a literal."""
    return term.params[0]


def joined(kind: str, between: str, terms: list[Term]) -> Term:
    """Terms with an operator between them."""
    sql = between.join(term.sql for term in terms)
    return Term(kind, f"({sql})", tuple(param for term in terms for param in term.params))


def negated(term: Term) -> Term:
    """The opposite of a condition; one that is NULL counts as false."""
    return Term("truth", f"(NOT COALESCE({term.sql}, FALSE))", term.params)


def as_value(term: Term) -> str:
    """A condition as a value: NULL only where a field has none."""
    return term.sql if term.field else f"COALESCE({term.sql}, FALSE)"


def double(term: Term) -> str:
    """A number in floating point."""
    # What is computed is one already.
    is_double = term.field is None and not term.literal
    return term.sql if is_double else f"CAST({term.sql} AS DOUBLE PRECISION)"


def rank(sql: str, field: Field) -> str:
    """The place of an enum among its choices."""
    # Choices come from a manifest or the configuration, but may hold quotes all the same.
    cases = " ".join(
        f"WHEN {_quoted(choice)} THEN {place}" for place, choice in enumerate(field.choices)
    )
    return f"CASE {sql} {cases} END"


def _quoted(choice: str) -> str:
    return "'" + choice.replace("'", "''") + "'"


def expect(term: Term, node: ast.expr, *kinds: str) -> Term:
    """The term, if it is of one of these kinds; raises ExpressionError."""
    if term.kind not in kinds:
        wanted = " or ".join(dict.fromkeys(_ARTICLES[kind] for kind in kinds))
        raise ExpressionError(f"{source(node)} is {named(term)}, not {wanted}")
    return term


def named(term: Term) -> str:
    """What a term is, for a sentence."""
    return _ARTICLES[term.kind]


def source(node: ast.expr) -> str:
    """A part of the expression as it is written, for a sentence."""
    import ast

    return quote(ast.unparse(node))


def mismatch(left: Term, right: Term, node: ast.expr) -> ExpressionError:
    """The error that two terms cannot be compared."""
    names = [
        f"{term.field.name} ({term.field.type})" if term.field else named(term)
        for term in (left, right)
    ]
    return ExpressionError(f"{source(node)} compares {names[0]} with {names[1]}")


def check_nesting(sql: str) -> None:
    """Raise ExpressionError for SQL that is nested deeper than an engine takes."""
    depth, costs = 0, []
    for match in _NESTING.finditer(sql):
        if match[0].startswith("("):
            costs.append(3 if match[0] == "(" else 6)
            depth += costs[-1]
            if depth > _STACK:
                raise ExpressionError("the filter is nested too deeply", "split it into several")
        elif match[0] == ")":
            depth -= costs.pop()
