"""The language of filters: what it refuses, and that its SQL means what Python would."""

from __future__ import annotations

import ast
import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tm_core.errors import ExpressionError
from tm_core.language.expressions import Column, compile_filter, compile_sort
from tm_core.language.syntax import names, parse
from tm_core.language.text import visible
from tm_core.language.values import to_column
from tm_core.model import Field
from tm_core.storage.sqlite_dialect import SQLiteDialect

NOW = datetime(2025, 3, 5, 10, 30, tzinfo=UTC)
RANKS = ("low", "medium", "it's")
FIELDS = [
    Field("n", "int"),
    Field("m", "int"),
    Field("hours", "duration"),
    Field("x", "float"),
    Field("title", "str"),
    Field("who", "str"),
    Field("forced", "bool"),
    Field("ready", "bool"),
    Field("due", "datetime"),
    Field("done", "datetime"),
    Field("rank", "enum", choices=RANKS),
    Field("tags", "list"),
    Field("extra", "json"),
]
COLUMNS = {field.name: Column(f'task."{field.name}"', field) for field in FIELDS}
COLUMNS["git.branch"] = Column('task."who"', FIELDS[5])


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for name, change in (("unicode_lower", str.lower), ("unicode_upper", str.upper)):
        connection.create_function(
            name, 1, lambda text, change=change: None if text is None else change(text)
        )
    types = {"int": "INTEGER", "float": "REAL", "duration": "REAL", "bool": "INTEGER"}
    columns = ", ".join(f'"{field.name}" {types.get(field.type, "TEXT")}' for field in FIELDS)
    connection.execute(f"CREATE TABLE task ({columns})")
    return connection


DATABASE = database()


def matches(text: str, **row: Any) -> bool:
    where, params = compile_filter(text, COLUMNS, SQLiteDialect(), NOW)
    DATABASE.execute("DELETE FROM task")
    stored = [to_column(field, row.get(field.name)) for field in FIELDS]
    DATABASE.execute(f"INSERT INTO task VALUES ({', '.join('?' * len(FIELDS))})", stored)
    (count,) = DATABASE.execute(f"SELECT count(*) FROM task WHERE {where}", params).fetchone()
    return bool(count)


# The reference: Python on the same tree, where a comparison with None is false.

FUNCTIONS: dict[str, Any] = {
    "lower": str.lower,
    "upper": str.upper,
    "length": len,
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
    "contains": lambda whole, part: part in whole,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
CONDITIONS = ("contains", "startswith", "endswith")
ARITHMETIC: dict[type, Any] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b if b else None,
    ast.FloorDiv: lambda a, b: a // b if b else None,
    ast.Mod: lambda a, b: a % b if b else None,
}


def order(operator: ast.cmpop, a: Any, b: Any) -> bool:
    if isinstance(operator, ast.NotEq):
        return not order(ast.Eq(), a, b)
    if a is None or b is None:
        return False
    match operator:
        case ast.Eq():
            return bool(a == b)
        case ast.Lt():
            return bool(a < b)
        case ast.LtE():
            return bool(a <= b)
        case ast.Gt():
            return bool(a > b)
        case ast.GtE():
            return bool(a >= b)
    raise AssertionError(operator)


def is_rank(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "rank"


def evaluate(node: ast.expr, row: dict[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return row.get(node.id)
        case ast.BoolOp():
            values = [bool(evaluate(value, row)) for value in node.values]
            return all(values) if isinstance(node.op, ast.And) else any(values)
        case ast.UnaryOp(op=ast.Not()):
            return not evaluate(node.operand, row)
        case ast.UnaryOp():
            value = evaluate(node.operand, row)
            return None if value is None else -value
        case ast.BinOp():
            a, b = evaluate(node.left, row), evaluate(node.right, row)
            return None if a is None or b is None else ARITHMETIC[type(node.op)](a, b)
        case ast.Call(func=ast.Name(id=name)):
            args = [evaluate(arg, row) for arg in node.args]
            if None in args:
                return False if name in CONDITIONS else None
            return FUNCTIONS[name](*args)
        case ast.Compare():
            return compared(node, row)
    raise AssertionError(ast.dump(node))


def compared(node: ast.Compare, row: dict[str, Any]) -> bool:
    operands = [node.left, *node.comparators]
    ranked = any(map(is_rank, operands))
    for operator, left, right in zip(node.ops, operands, operands[1:], strict=False):
        if isinstance(right, ast.Tuple | ast.List):
            found = evaluate(left, row) in [evaluate(item, row) for item in right.elts]
            result = found == isinstance(operator, ast.In)
        elif isinstance(operator, ast.In | ast.NotIn):
            item, whole = evaluate(left, row), evaluate(right, row)
            found = item is not None and whole is not None and item in whole
            result = found == isinstance(operator, ast.In)
        elif isinstance(operator, ast.Is | ast.IsNot):
            result = (evaluate(left, row) is None) == isinstance(operator, ast.Is)
        else:
            values = [evaluate(left, row), evaluate(right, row)]
            if ranked:
                values = [None if value is None else RANKS.index(value) for value in values]
            result = order(operator, *values)
        if not result:
            return False
    return True


# Numbers are quarters of small size: exact in floating point, which SQL computes in.
quarters = st.integers(-40, 40).map(lambda n: n / 4)
words = st.sampled_from(["", "a", "ab", "B", "Ä", "äb", "it's", "%_", "?", '"', "a b"])
instants = st.sampled_from(
    [f"2025-03-0{day}T{hour}:00:00.000000Z" for day in (1, 2) for hour in ("00", "12")]
)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


rows = st.fixed_dictionaries(
    {
        "n": optional(st.integers(-5, 5)),
        "m": optional(st.integers(-5, 5)),
        "hours": optional(quarters),
        "x": optional(quarters),
        "title": optional(words),
        "who": optional(words),
        "forced": optional(st.booleans()),
        "ready": optional(st.booleans()),
        "due": optional(instants),
        "done": optional(instants),
        "rank": optional(st.sampled_from(RANKS)),
        "tags": optional(st.lists(words.filter(bool), max_size=2)),
        "extra": optional(st.just({"a": 1})),
    }
)


def join(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: pattern.format(*given))


def one_of(values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values.split())


number = st.recursive(
    one_of("n m hours x") | st.integers(-5, 5).map(str) | quarters.map(str),
    lambda inner: (
        join("({} {} {})", inner, one_of("+ - * / // %"), inner)
        | join("-{}", inner)
        | join("abs({})", inner)
        | join("round({})", inner)
        | join("{}({}, {})", one_of("min max"), inner, inner)
    ),
    max_leaves=4,
)
text_value = st.recursive(
    one_of("title who") | words.map(repr),
    lambda inner: (
        join("({} + {})", inner, inner)
        | join("{}({})", one_of("lower upper"), inner)
        | join("{}({}, {})", one_of("min max"), inner, inner)
    ),
    max_leaves=3,
)
instant = one_of("due done") | instants.map(repr)
rank = st.just("rank") | st.sampled_from(RANKS).map(repr)
comparison = one_of("== != < <= > >=")
member = st.sampled_from(["in", "not in"])
truth = (
    join("{} {} {}", number, comparison, number)
    | join("{} {} {} {} {}", number, comparison, number, comparison, number)
    | join("{} {} {}", text_value, comparison, text_value)
    | join("length({}) {} {}", text_value, comparison, number)
    | join("{} {} {}", one_of("due done"), comparison, instant)
    | join("{} {} {}", instant, comparison, one_of("due done"))
    | join("rank {} {}", comparison, rank)
    | join("{} {} rank", rank, comparison)
    | join("{} {} {}", text_value, member, one_of("title who tags"))
    | join("{} {} ({}, {})", one_of("n x"), member, quarters.map(str), st.integers(-5, 5).map(str))
    | join("rank {} [{}]", member, st.sampled_from(RANKS).map(repr))
    | join("due {} ({},)", member, instants.map(repr))
    | join("n {} ()", member)
    | join("{}({}, {})", one_of("contains startswith endswith"), text_value, text_value)
    | join("contains(tags, {})", text_value)
    | join("{} {} None", st.sampled_from(sorted(row.name for row in FIELDS)), one_of("is"))
    | join("({} / {}) is not None", number, number)
    | one_of("forced ready True False")
)
filters = st.recursive(
    truth.map(lambda text: f"({text})"),
    lambda inner: (
        join("({} {} {})", inner, one_of("and or"), inner)
        | join("(not {})", inner)
        | join("({} {} {})", inner, one_of("== !="), inner)
    ),
    max_leaves=5,
)


@settings(max_examples=1500, deadline=None)
@given(filters, rows)
@example("(n // m == -2) == (n % m == 1)", {"n": -5, "m": 3})
@example("round(x) == 2 and round(hours) == 0", {"x": 1.5, "hours": 0.5})
@example("round(x) == -2 and round(hours) == -2", {"x": -1.5, "hours": -2.5})
@example("not (n > 8) and n != 5 and n not in (1, 2)", {})
@example("forced != True and forced != False and not forced", {})
def test_sql_means_what_python_means(text: str, row: dict[str, Any]) -> None:
    try:
        expected = bool(evaluate(parse(text), row))
        found = matches(text, **row)
    except ExpressionError as error:
        if "too deeply" not in error.message:
            raise
        return
    assert found == expected


@settings(max_examples=300, deadline=None)
@given(filters)
def test_nothing_that_the_user_wrote_is_in_the_sql(text: str) -> None:
    try:
        where, params = compile_filter(
            text.replace("'a'", "'needle'"), COLUMNS, SQLiteDialect(), NOW
        )
    except ExpressionError as error:
        if "too deeply" not in error.message:
            raise
        return
    assert "needle" not in where
    assert where.count("?") == len(params)


@pytest.mark.parametrize(
    "pattern",
    [
        "({} + 1)",
        "(1 + {})",
        "(1 - {})",
        "({} // 1)",
        "(1 // {})",
        "({} % 7)",
        "(7 % {})",
        "round({})",
        "round({}, 2)",
        "abs({})",
        "-{}",
        "min({}, 1)",
        "max(1, {})",
        "min(1, 2, round(1 % {}))",
    ],
)
def test_nesting_is_refused_before_the_engine_gives_up(pattern: str) -> None:
    assert_compiles_or_is_too_deep(pattern, "n", "{} > 1")


@pytest.mark.parametrize(
    "pattern",
    [
        "not {}",
        "(n > 1 or {})",
        "({} and n > 1)",
        "({} == forced)",
        "(forced != {})",
        "(n > 1 and not (m > 1 or {}))",
    ],
)
def test_nested_conditions_too(pattern: str) -> None:
    assert_compiles_or_is_too_deep(pattern, "forced", "{}")


def assert_compiles_or_is_too_deep(pattern: str, start: str, whole: str) -> None:
    text, depth = start, 0
    while True:
        text = pattern.format(text)
        try:
            matches(whole.format(text), n=3, m=3)
        except ExpressionError as error:
            refusal = error.message
            break
        depth += 1
    assert "too deeply" in refusal or "parts" in refusal
    assert depth >= 1


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("due == '2025-03-01'", {"due": "2025-03-01T23:59:59.999999Z"}, True),
        ("due <= '2025-03-01'", {"due": "2025-03-01T23:59:59.999999Z"}, True),
        ("due > '2025-03-01'", {"due": "2025-03-01T23:59:59.999999Z"}, False),
        ("due >= '2025-03-01'", {"due": "2025-03-01T00:00:00.000000Z"}, True),
        ("due < '2025-03-01'", {"due": "2025-03-01T00:00:00.000000Z"}, False),
        ("'2025-03-01' > due", {"due": "2025-03-01T00:00:00.000000Z"}, False),
        ("due in ('2025-03-01', 'today')", {"due": "2025-03-05T12:00:00.000000Z"}, True),
        ("due != 'today'", {"due": "2025-03-05T12:00:00.000000Z"}, False),
        ("due < 'now'", {"due": "2025-03-05T10:00:00.000000Z"}, True),
        ("'-1w' < due <= 'today'", {"due": "2025-03-01T10:00:00.000000Z"}, True),
        ("hours >= '2h30m'", {"hours": 2.5}, True),
        ("rank >= 'Medium'", {"rank": "it's"}, True),
        ("'a' in tags and 'b' not in tags", {"tags": ["a"]}, True),
        ("git.branch == 'main'", {"who": "main"}, True),
        ("extra is not None", {"extra": {"a": None}}, True),
        ("round(x, 1) == 0.3", {"x": 0.26}, True),
        ("lower(title) == 'äb'", {"title": "ÄB"}, True),
    ],
)
@pytest.mark.skipif(
    datetime.now().astimezone().utcoffset() != datetime.now(UTC).utcoffset(),
    reason="the rows are those of UTC days",
)
def test_values_are_read_as_their_field_reads_them(
    text: str, row: dict[str, Any], expected: bool
) -> None:
    assert matches(text, **row) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title == 'a' and n > 'x'", "\"n > 'x'\" compares"),
        ("titel == 'a'", "did you mean 'title'"),
        ("n == true", "write True"),
        ("title == pending", "text goes in quotes: 'pending'"),
        ("n == '5'", "n (int) with text"),
        ("title > 5", "title (str) with a number"),
        ("forced == 1", "forced (bool) with a number"),
        ("forced < True", "orders conditions"),
        ("rank == 'lo'", "did you mean 'low'"),
        ("rank < title", "rank (enum) with title (str)"),
        ("due > 'someday'", "'someday' is not a date or time"),
        ("due + 1 > 2", "'due' is a date or time, not a number"),
        ("n", "'n' is a number, not a condition"),
        ("n > 1 and title", "'title' is text, not a condition"),
        ("n == None", "use is None"),
        ("n in (1, None)", "use is None"),
        ("n in ('a',)", "n (int) with text"),
        ("rank in ('low')", "write ('low',)"),
        ("tags == 'a'", "use 'text' in it"),
        ("tags in ('a',)", "'tags' is a list, not"),
        ("extra == 'a'", "use is None"),
        ("5 in title", "'5' is a number, not text"),
        ("1 < (n > 1) < 2", "chain of conditions"),
        ("'a' in title == True", "mixes is or in"),
        ("1 is None", "never missing"),
        ("min(n, 'a') > 1", "different kinds"),
        ("lower(n) == 'a'", "'n' is a number, not text"),
        ("forced + 1 > 1", "'forced' is a condition, not a number"),
    ],
)
def test_no_silent_nonsense(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_filter(text, COLUMNS, SQLiteDialect(), NOW)
    assert said in f"{caught.value.message} - {caught.value.hint}"
    assert visible(caught.value.message) == caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "().__class__",
        "n.__class__ == 1",
        "_n == 1",
        "a._b == 1",
        "'a'.upper() == 'A'",
        "title.upper() == 'A'",
        "lower(title).x",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "eval('1')",
        "lambda: 1",
        "[a for a in b]",
        "n[0] == 1",
        "f'{n}' == '1'",
        "(n := 1)",
        "n if m else x",
        "await n",
        "n << 2 > 1",
        "~n == 1",
        "n & 1",
        "9**9**9",
        "'a' * 10**9",
        "'a' * 999999999",
        "999999999 * ('a' + 'b')",
        "('a' or 'b') * 999999999",
        "lower('a') * 999999999",
        "max('a', 'b') * 999999999 == 'a'",
        "'%999999999d' % 5",
        "round(5, -999999999)",
        "round(5, n)",
        "lower(*n)",
        "lower(title=1)",
        "lower()",
        "min(1)",
        "b'a' == n",
        "1j == n",
        "... == n",
        "1e999 > n",
        "9223372036854775808 > n",
        "9" * 1000,
        "n == [1]",
        "(1, 2)",
        "[1, 2] in tags",
        "n in (m, 1)",
        "n in {1, 2}",
        "{} == n",
        "n is 5",
        "",
        "  ",
        "n >",
        "n = 1; m",
        "n > 1\nimport os",
        "n == 1\x00",
        "title == '\\x00'",
        "title == '\\ud800'",
        "title == '\ud800'",
        "n == 1 " + "or n == 1 " * 1000,
        " or ".join(["n"] * 300),
        "(" * 500 + "n" + ")" * 500,
        "(" * 150 + "n" + ")" * 150 + "(",
        "-" * 1900 + "1",
        "not " * 400 + "n",
        "abs(" * 60 + "n" + ")" * 60,
        "n" + ".n" * 900,
        "[" * 150 + "]" * 150,
    ],
)
def test_the_language_is_closed(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert visible(caught.value.message) == caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("n = 1", "use == to compare"),
        ("title = 'a == b'", "use == to compare"),
        ("a && b", "use and"),
        ("a & b", "use and"),
        ("a || b", "use or"),
        ("!a", "use not"),
        ("a <> b", "use != to compare"),
        ("a => 1", "use >= or <= to compare"),
        ("coverage >= 80%", "write 100, not 100%"),
        ("a AND b", "write and, or, not, in, is in lower case"),
        ("round_(1)", "did you mean 'round'?"),
    ],
)
def test_usual_mistakes_get_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.hint == hint


@given(st.text(max_size=40) | st.text(alphabet="abn_.()[]'\"\\=<>!&|%*/-+ 019,:\n#{}", max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    refusal = ""
    try:
        names(parse(text))
    except ExpressionError as error:
        refusal = error.message
    assert visible(refusal) == refusal


def test_names_are_whole() -> None:
    tree = parse("tests.passed and lower(git.branch.name) in ('a',) or -coverage < min(a, length)")
    assert names(tree) == {"tests.passed", "git.branch.name", "coverage", "a", "length"}


def test_sorting() -> None:
    rows: list[dict[str, Any]] = [
        {"n": 1, "rank": "low"},
        {"n": 2, "rank": "it's"},
        {"n": 2, "rank": "medium"},
        {"n": None, "rank": None},
    ]
    DATABASE.execute("DELETE FROM task")
    for row in rows:
        DATABASE.execute("INSERT INTO task (n, rank) VALUES (:n, :rank)", row)

    def found(sort: str) -> list[Any]:
        order_by = compile_sort(sort, COLUMNS)
        return DATABASE.execute(f"SELECT n, rank FROM task ORDER BY {order_by}").fetchall()

    nothing = (None, None)
    assert found("n,rank") == [(1, "low"), (2, "medium"), (2, "it's"), nothing]
    assert found("-n, rank") == [(2, "medium"), (2, "it's"), (1, "low"), nothing]
    assert found("-rank") == [(2, "it's"), (2, "medium"), (1, "low"), nothing]
    assert found("+rank,-rank") == found("rank")


@pytest.mark.parametrize(
    ("sort", "said"),
    [
        ("titel", "did you mean 'title'"),
        ("--n", "cannot sort by '-n'"),
        ("", "is missing"),
        ("n,", "is missing"),
        ("tags", "it is a list"),
        ("n; DROP TABLE task", "cannot sort"),
        ("n DESC", "cannot sort"),
        ("\x1b", "cannot sort by '\\x1b'"),
    ],
)
def test_bad_sorts(sort: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_sort(sort, COLUMNS)
    assert said in f"{caught.value.message} - {caught.value.hint}"
