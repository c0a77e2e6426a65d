"""Where a store is: its URL taken apart, and shown without what is secret."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tm_core.api import DatabaseError

SCHEMA = "tm"
"""The schema of a URL that names none."""
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SECRET = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_SHORT = 4
"""A secret shorter than this would blot out half of an error message, and guards nothing."""


class Address(NamedTuple):
    """A URL, taken apart."""

    options: dict[str, str]
    """What the driver connects with, secrets included."""
    schema: str
    """The project's own schema."""
    shown: str
    """The URL for people, logs and errors: without secrets."""

    def redacted(self, text: str) -> str:
        """A message of the server or the driver, without secrets."""
        for name in _SECRET:
            secret = self.options.get(name, "")
            if len(secret) >= _SHORT:
                text = text.replace(secret, "***")
        return text


def parse_url(url: str) -> Address:
    """Take a URL apart. Raises DatabaseError, which quotes nothing of it."""
    place, _, query = url.partition("?")
    wanted, rest = SCHEMA, []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name == "schema":
            wanted = unquote(value)
        else:
            rest.append(part)
    if not _NAME.fullmatch(wanted) or wanted.startswith("pg_"):
        raise DatabaseError(
            "the schema in the store's URL is not a name",
            "use small letters, digits and underscores: ?schema=my_project",
        )
    try:
        given = conninfo_to_dict(place + ("?" + "&".join(rest) if rest else ""))
    except psycopg.Error:
        raise _unreadable() from None  # its message quotes the part that it does not understand
    options = {name: str(value) for name, value in given.items() if value is not None}
    host, port = options.get("host", "").lstrip("@"), options.get("port", "")
    if "@" in host or port.strip("0123456789,"):  # they are part of a password
        raise _unreadable()
    return Address(options, wanted, _shown(options, wanted))


def _unreadable() -> DatabaseError:
    return DatabaseError(
        "the store's URL cannot be read",
        "postgresql://USER@HOST:PORT/DATABASE?schema=NAME; in a password, write @ : / ? as"
        " %40 %3A %2F %3F",
    )


def _shown(options: dict[str, str], schema: str) -> str:
    host, port = options.get("host", ""), options.get("port", "")
    user = quote(options.get("user", ""), safe="")
    database = quote(options.get("dbname", ""), safe="")
    query = f"schema={schema}"
    if host.startswith(("/", "@")):  # a socket
        query = f"host={quote(host, safe='/@')}&{query}"
        host = ""
    place = (f"{user}@" if user else "") + host + (f":{port}" if port else "")
    return f"postgresql://{place}/{database}?{query}"
