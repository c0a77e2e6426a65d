"""URLs: what is taken from them, and that nothing secret gets out."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core.api import DatabaseError, masked
from tm_core.testing import Cli, Process

pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")

from tm_postgres.address import parse_url
from tm_postgres.statements import is_recursive, limit_of, numbered, schema_text

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d?schema=tm"),
        ("postgres://u:p@h:5433/d?schema=board", "postgresql://u@h:5433/d?schema=board"),
        (
            "postgresql://u:p%40x@h/d?sslmode=require&schema=a_1&application_name=x",
            "postgresql://u@h/d?schema=a_1",
        ),
        ("postgresql://u@/d?host=/run/pg", "postgresql://u@/d?host=/run/pg&schema=tm"),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url: str, shown: str) -> None:
    address = parse_url(url)
    assert address.shown == shown
    assert parse_url(address.shown).shown == shown


@pytest.mark.parametrize(
    "schema", ["", "A", "a-b", "1a", "a b", 'a"b', "a;b", "pg_x", "a" * 64, "%22"]
)
def test_a_schema_is_a_plain_name(schema: str) -> None:
    with pytest.raises(DatabaseError, match=r"schema.*not a name"):
        parse_url(f"postgresql://h/d?schema={schema}")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}/x@h/d",
        f"postgresql://u:a@{SECRET}@h/d",
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}@h/d?nonsense=1",
        f"postgresql://u:{SECRET}%zz@h/d",
    ],
)
def test_a_url_that_cannot_be_read_is_not_quoted(url: str, tm_process: Process) -> None:
    for arguments in (["list"], ["--debug", "list"], ["init"], ["doctor"]):
        result = tm_process(*arguments, code=None, TM_DB_PATH=url)
        assert SECRET not in result.out + result.err
    assert "cannot be read" in tm_process("list", code=4, TM_DB_PATH=url).err


def test_a_password_is_nowhere_to_be_seen(tm_process: Process) -> None:
    url = f"postgresql://ada:{SECRET}@127.0.0.1:1/d?schema=x"
    for arguments in (
        ["list"],
        ["--json", "list"],
        ["--debug", "add", "x"],
        ["init"],
        ["init", "--dry-run"],
        ["doctor"],
        ["config"],
        ["config", "--json"],
        ["config", "explain", "store.url"],
        ["config", "get", "store.url"],
    ):
        result = tm_process(*arguments, code=None, TM_DB_PATH=url, TM_STORE_URL=url)
        assert SECRET not in result.out + result.err, arguments
    said = tm_process("list", code=4, TM_DB_PATH=url).err
    assert said.count("\n") == 1
    assert "postgresql://ada@127.0.0.1:1/d?schema=x cannot be reached" in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p@q@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p/q@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d?password=p&x=1", "postgresql://h/d?password=***&x=1"),
        ("at postgresql://u:p@h/d?sslpassword=s", "at postgresql://u:***@h/d?sslpassword=***"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("no password=x in plain text", "no password=x in plain text"),
    ],
)
def test_a_url_in_any_text_can_be_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


# SQL


@pytest.mark.parametrize(
    ("sql", "server"),
    [
        ("SELECT ?", "SELECT $1"),
        ("a = ? AND b LIKE '%?%' AND c = ?", "a = $1 AND b LIKE '%?%' AND c = $2"),
        ("'it''s ?' || ?", "'it''s ?' || $1"),
        ('"a?" = ? -- why?\n AND b = ?', '"a?" = $1 -- why?\n AND b = $2'),
        ("/* ? \n ? */ ?", "/* ? \n ? */ $1"),
        ("100 % 3 = ?", "100 % 3 = $1"),
    ],
)
def test_placeholders_are_numbered_outside_of_literals(sql: str, server: str) -> None:
    assert numbered(sql) == server


@given(st.lists(st.sampled_from(["?", "'?'", '"?"', "'a''?'", " x ", "%s", "$$"]), max_size=20))
def test_as_many_numbers_as_placeholders(parts: list[str]) -> None:
    # A space between, since two literals side by side are one with a quote in it.
    count = parts.count("?")
    text = numbered(" ".join(parts))
    assert [f"${n}" in text.split(" ") for n in range(1, count + 2)] == [True] * count + [False]


def test_where_a_recursion_begins_texts_say_how_they_sort() -> None:
    sql = "WITH RECURSIVE x(id) AS (VALUES (?) UNION SELECT 1 WHERE n > ?)"
    assert is_recursive(sql)
    assert numbered(sql, [True, False]) == (
        'WITH RECURSIVE x(id) AS (VALUES (($1 COLLATE "C")) UNION SELECT 1 WHERE n > $2)'
    )


def test_the_end_of_a_statement_tells_how_much_comes() -> None:
    assert limit_of("SELECT 1 LIMIT 5") == 5
    assert limit_of("SELECT 1 LIMIT 50 OFFSET 7") == 50
    assert limit_of("SELECT 1 WHERE x IN (SELECT y LIMIT 5)") == 0
    assert limit_of("SELECT 1 LIMIT ?") == 0


def test_a_migration_in_the_words_of_the_server() -> None:
    text = schema_text(
        "CREATE TABLE t (n {serial}, text TEXT NOT NULL DEFAULT 'TEXT', x CHAR);\n"
        "INSERT INTO t SELECT CAST(n AS TEXT) FROM u;\n{append_only t}\n"
    )
    assert "text TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT', x CHAR" in text
    assert "CAST(n AS TEXT)" in text
    assert "{" not in text
    assert text.count("CREATE TRIGGER") == 3


def test_without_a_server_a_command_that_needs_no_store_works(tm_cli: Cli) -> None:
    assert tm_cli("--version").out


def test_the_driver_knows_its_version_without_looking_through_all_that_is_installed() -> None:
    program = """
import sys
from tm_postgres import driver
driver.load()
assert "importlib.metadata" not in sys.modules
import psycopg
from importlib.metadata import version
assert psycopg.__version__ == version("psycopg")
assert driver._version("psycopg") and not driver._version("there_is_no_such_thing")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
