"""Filters and sort orders over fields, compiled to SQL.

The SQL means what the expression means in Python, with one rule for what a row lacks: a comparison
with a missing value is false. So `x > 8` and `x == 8` are false for a missing `x`, and therefore
`not (x > 8)` and `x != 8` are true. `in`, `contains`, `startswith` and `endswith` are such
comparisons; arithmetic and the other functions on a missing value, and division by zero, give a
missing value. Arithmetic is done in floating point.

No text of the expression gets into the SQL: literals become parameters, and names become the SQL
that the caller gave for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from tm_core.errors import ExpressionError, InvalidValue
from tm_core.model import Field
from tm_core.record import Record

from .syntax import dotted_name, parse
from .terms import (
    KINDS,
    TEXTS,
    Term,
    affix,
    as_value,
    check_nesting,
    double,
    expect,
    floor,
    joined,
    literal,
    mismatch,
    named,
    negated,
    rank,
    rounded,
    source,
    value_of,
)
from .text import nearest, quote
from .values import check
from .when import parse_instant

if TYPE_CHECKING:
    import ast

    from tm_core.storage.backend import SQLDialect

_COMPARISONS = {"Eq": "=", "NotEq": "<>", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ARITHMETIC = {"Add": "+", "Sub": "-", "Mult": "*"}
_CONSTANTS = {"true": "True", "false": "False", "none": "None", "null": "None"}


class Column(Record):
    """Where a name of an expression is found."""

    sql: str
    field: Field


def compile_filter(
    text: str,
    columns: Mapping[str, Column],
    dialect: SQLDialect,
    now: datetime | None = None,
) -> tuple[str, list[object]]:
    """The condition of a WHERE clause and its parameters, in order.

    A field of instants compares with text in any form that `parse_instant` reads; a bare day
    stands for the whole day, so `deadline <= '2025-03-01'` and `deadline == 'today'` do what they
    say. The choices of an enum are ordered as its field lists them.
    """
    condition = _Compiler(columns, dialect, now).condition(parse(text))
    check_nesting(condition.sql)
    return condition.sql, list(condition.params)


def compile_sort(text: str, columns: Mapping[str, Column]) -> str:
    """The body of an ORDER BY clause from `-actual_hours,priority`: `-` is descending.

    Missing values come last either way. The caller adds what breaks ties.
    """
    orders: dict[str, str] = {}
    for part in text.split(","):
        name = part.strip()
        descending = name.startswith("-")
        name = name[1:] if name[:1] in ("+", "-") else name
        if name not in columns:
            problem = f"cannot sort by {quote(name)}" if name else "a field to sort by is missing"
            raise ExpressionError(problem, nearest(name, columns) or _known(columns))
        column = columns[name]
        if column.field.type in ("json", "list"):
            raise ExpressionError(f"cannot sort by {name}: it is a {column.field.type}")
        sql = (
            rank(column.sql, column.field)
            if column.field.type == "enum" and column.field.choices
            else column.sql
        )
        orders.setdefault(name, f"{sql} IS NULL, {sql}" + (" DESC" if descending else ""))
    return ", ".join(orders.values())


class _Compiler:
    def __init__(
        self, columns: Mapping[str, Column], dialect: SQLDialect, now: datetime | None
    ) -> None:
        self.columns = columns
        self.dialect = dialect
        self.now = now

    def condition(self, node: ast.expr) -> Term:
        """A condition that may be NULL for false, as WHERE, AND and OR take it."""
        term = self.term(node)
        if term.kind != "truth":
            raise ExpressionError(
                f"{source(node)} is {named(term)}, not a condition",
                "compare it with something, such as == or is not None",
            )
        return term

    def term(self, node: ast.expr) -> Term:
        import ast

        name = dotted_name(node)
        if name:
            return self.column(name)
        match node:
            case ast.Constant():
                return literal(node.value)
            case ast.BoolOp():
                word = " AND " if isinstance(node.op, ast.And) else " OR "
                return joined("truth", word, [self.condition(value) for value in node.values])
            case ast.UnaryOp(op=ast.Not()):
                return negated(self.condition(node.operand))
            case ast.UnaryOp():
                return self.negative(node.operand)
            case ast.BinOp():
                return self.arithmetic(node)
            case ast.Compare():
                return self.comparison(node)
            case ast.Call():
                return self.call(node)
        raise AssertionError(f"{type(node).__name__} in a checked tree")

    def column(self, name: str) -> Term:
        if name not in self.columns:
            if name.lower() in _CONSTANTS:
                hint = f"write {_CONSTANTS[name.lower()]}"
            else:
                hint = nearest(name, self.columns) or _known(self.columns)
                hint += f"; text goes in quotes: '{name}'"
            raise ExpressionError(f"there is no field {quote(name)}", hint)
        sql, field = self.columns[name]
        kind = KINDS[field.type]
        if kind == "enum" and not field.choices:
            kind = "text"
        return Term(kind, f"({sql} <> 0)" if kind == "truth" else sql, (), field)

    def negative(self, node: ast.expr) -> Term:
        term = expect(self.term(node), node, "number")
        if term.literal:
            return literal(-value_of(term))
        return Term("number", f"(- {double(term)})", term.params)

    def arithmetic(self, node: ast.BinOp) -> Term:
        operator = type(node.op).__name__
        left, right = self.term(node.left), self.term(node.right)
        if operator == "Add" and left.kind in TEXTS:
            return joined("text", " || ", [left, expect(right, node.right, *TEXTS)])
        expect(left, node.left, "number")
        expect(right, node.right, "number")
        a, b = double(left), double(right)
        if operator in _ARITHMETIC:
            sql = f"({a} {_ARITHMETIC[operator]} {b})"
        elif operator == "Div":
            sql = f"({a} / NULLIF({b}, 0))"
        elif operator == "FloorDiv":
            sql = floor(f"{a} / NULLIF({b}, 0)")
        else:
            whole = floor("q.a / NULLIF(q.b, 0)")
            sql = f"(SELECT q.a - q.b * {whole} FROM (SELECT {a} AS a, {b} AS b) AS q)"
        return Term("number", sql, left.params + right.params)

    def comparison(self, node: ast.Compare) -> Term:
        import ast

        operators = [type(operator).__name__ for operator in node.ops]
        if len(operators) == 1 and operators[0] not in _COMPARISONS:
            right = node.comparators[0]
            if operators[0] in ("Is", "IsNot"):
                return self.missing(node.left, operators[0] == "Is")
            if isinstance(right, ast.List | ast.Tuple):
                found = self.member(node.left, right.elts)
            else:
                found = self.within(node.left, right)
            return found if operators[0] == "In" else negated(found)
        nodes = [node.left, *node.comparators]
        if not all(operator in _COMPARISONS for operator in operators):
            raise ExpressionError(f"{source(node)} mixes is or in with others", "join them by and")
        terms = [self.term(operand) for operand in nodes]
        if len(operators) > 1 and any(term.kind == "truth" for term in terms):
            raise ExpressionError(f"{source(node)} is a chain of conditions", "join them by and")
        pairs = [
            self.pair(_COMPARISONS[operator], left, right, node)
            for operator, left, right in zip(operators, terms, terms[1:], strict=False)
        ]
        return pairs[0] if len(pairs) == 1 else joined("truth", " AND ", pairs)

    def missing(self, node: ast.expr, wanted: bool) -> Term:
        term = self.term(node)
        if term.literal or (term.kind in ("truth", "none") and term.field is None):
            raise ExpressionError(f"{source(node)} is never missing", "only a field can be None")
        return Term("truth", f"({term.sql} IS {'' if wanted else 'NOT '}NULL)", term.params)

    def member(self, node: ast.expr, items: list[ast.expr]) -> Term:
        left = expect(self.term(node), node, "number", "instant", *TEXTS)
        if not items:
            return literal(False)
        rights = [self.matched(left, self.term(item), node) for item in items]
        if left.kind == "instant":
            return joined("truth", " OR ", [self.instant("=", left, right) for right in rights])
        params = left.params + tuple(param for right in rights for param in right.params)
        return Term("truth", f"({left.sql} IN ({', '.join('?' * len(rights))}))", params)

    def within(self, node: ast.expr, whole: ast.expr) -> Term:
        item, container = self.term(node), self.term(whole)
        if container.literal and not item.literal:
            raise ExpressionError(
                f"{source(whole)} after in is one text, not a list",
                f"write ({value_of(container)!r},)",
            )
        return self.contained(item, container, node, whole)

    def contained(self, item: Term, whole: Term, node: ast.expr, whole_node: ast.expr) -> Term:
        expect(item, node, *TEXTS)
        expect(whole, whole_node, "list", *TEXTS)
        test = self.dialect.list_contains if whole.kind == "list" else self.dialect.contains
        return Term("truth", f"({test(whole.sql, item.sql)})", whole.params + item.params)

    def pair(self, operator: str, left: Term, right: Term, node: ast.expr) -> Term:
        if left.literal and not right.literal:
            left, right, operator = right, left, _MIRRORED[operator]
        right = self.matched(left, right, node)
        if operator == "<>":
            return negated(self.pair("=", left, right, node))
        if left.kind == "instant":
            return self.instant(operator, left, right)
        a, b, params = left.sql, right.sql, left.params + right.params
        if operator != "=":
            if left.kind == "truth":
                raise ExpressionError(f"{source(node)} orders conditions", "use == or !=")
            if left.kind != right.kind:
                raise mismatch(left, right, node)
            if left.kind == "enum" and left.field:
                a = rank(a, left.field)
                b = rank(b, right.field or left.field)
        elif left.kind == "truth":
            a, b = as_value(left), as_value(right)
        return Term("truth", f"({a} {operator} {b})", params)

    def matched(self, left: Term, right: Term, node: ast.expr) -> Term:
        """The right side of a comparison, as a value of the kind that the left one has."""
        if "none" in (left.kind, right.kind):
            raise ExpressionError(f"{source(node)} compares with None", "use is None")
        for term in (left, right):
            if term.kind in ("list", "json"):
                usual = "use 'text' in it, or is None" if term.kind == "list" else "use is None"
                raise ExpressionError(f"{source(node)} compares {named(term)}", usual)
        field = left.field
        if right.literal and right.kind == "text":
            if left.kind == "instant":
                return right
            if field and (left.kind == "enum" or field.type == "duration"):
                try:
                    value = check(field._replace(minimum=None, maximum=None), value_of(right))
                except InvalidValue as error:
                    raise ExpressionError(error.message, error.hint) from None
                return literal(value)._replace(kind=left.kind)
        if left.kind == right.kind == "enum" and left.field and right.field:
            if left.field.choices == right.field.choices:
                return right
        elif left.kind == right.kind or {left.kind, right.kind} == set(TEXTS):
            return right
        raise mismatch(left, right, node)

    def instant(self, operator: str, left: Term, right: Term) -> Term:
        if right.kind == "instant":
            return Term("truth", f"({left.sql} {operator} {right.sql})", left.params + right.params)
        try:
            first, last = (
                parse_instant(value_of(right), now=self.now, day_end=end) for end in (False, True)
            )
        except InvalidValue as error:
            raise ExpressionError(error.message, error.hint) from None
        if operator != "=" or first == last:
            bound = last if operator in ("<=", ">") else first
            return Term("truth", f"({left.sql} {operator} ?)", (*left.params, bound))
        sql = f"({left.sql} >= ? AND {left.sql} <= ?)"
        return Term("truth", sql, (*left.params, first, *left.params, last))

    def call(self, node: ast.Call) -> Term:
        name = dotted_name(node.func)
        args = [self.term(arg) for arg in node.args]
        first = args[0]
        if name in ("min", "max"):
            return self.extreme(name.upper(), args, node)
        if name in ("abs", "round"):
            expect(first, node.args[0], "number")
            if name == "abs":
                return Term("number", f"ABS({double(first)})", first.params)
            return rounded(first, value_of(args[1]) if args[1:] else 0)
        if name == "contains":
            return self.contained(args[1], first, node.args[1], node.args[0])
        for arg, part in zip(args, node.args, strict=True):
            expect(arg, part, *TEXTS)
        if name in ("lower", "upper"):
            change = self.dialect.lower if name == "lower" else self.dialect.upper
            return Term("text", change(first.sql), first.params)
        if name == "length":
            sql = f"CAST(LENGTH({first.sql}) AS DOUBLE PRECISION)"
            return Term("number", sql, first.params)
        return affix(first, args[1], at_end=name == "endswith")

    def extreme(self, function: str, args: list[Term], node: ast.Call) -> Term:
        kind = args[0].kind
        if kind not in ("number", "text", "instant") or any(arg.kind != kind for arg in args):
            raise ExpressionError(
                f"{source(node)} compares different kinds",
                "min and max take only numbers, only text, or only times",
            )
        values = [double(arg) if kind == "number" else arg.sql for arg in args]
        # The scalar functions of SQLite and PostgreSQL differ in what they do with NULL.
        rows = " UNION ALL SELECT ".join([f"{values[0]} AS v", *values[1:]])
        sql = (
            f"(SELECT CASE WHEN COUNT(q.v) = {len(args)} THEN {function}(q.v) END"
            f" FROM (SELECT {rows}) AS q)"
        )
        return Term(kind, sql, tuple(param for arg in args for param in arg.params))


def _known(columns: Mapping[str, Column]) -> str:
    return "the fields are " + ", ".join(sorted(columns))
