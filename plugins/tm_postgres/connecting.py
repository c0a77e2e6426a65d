"""Connects to stores, each with a connection of its own or one of a pool."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.numeric import IntDumper

from tm_core.api import Database, NoStore

from . import failures
from .address import Address, parse_url
from .database import Connection, Postgres
from .statements import FUNCTIONS, UNICODE

_STARTING = 30.0
"""Seconds to wait for a server that says that it is just starting."""
_PAUSE = 0.1


class Opener:
    """Connects to stores, and keeps the pools of connections, one for each URL."""

    def __init__(self) -> None:
        self._pools: dict[str, Any] = {}
        self._guard = threading.Lock()

    def open(self, url: str, *, create: bool, settings: Mapping[str, Any]) -> Database:
        """Connect; with `create`, make the schema. Raises NoStore, DatabaseError."""
        address = parse_url(url)
        timeout = int(settings["postgres.connect_timeout"])
        connect: Callable[[], Connection]
        let_go: Callable[[Connection], None]
        size = int(settings["postgres.pool"])
        if size:
            pool = self._pool(url, address, size, timeout)
            connect, let_go = _from(pool, address, settings["store.busy_timeout"])
        else:
            connect, let_go = _opener(address, timeout), _close
        connection = connect()
        try:
            if create:
                _create(connection, address)
            elif not _exists(connection, address):
                raise NoStore(f"there is no task store at {address.shown}", "tm init")
        except BaseException:
            let_go(connection)
            raise
        return Postgres(
            address,
            connection,
            connect,
            let_go,
            busy_timeout=settings["store.busy_timeout"],
            durable=settings["store.synchronous"] == "full",
            self_migrating=bool(settings["postgres.sole_user"]),
        )

    def _pool(self, url: str, address: Address, size: int, timeout: int) -> Any:
        from psycopg_pool import ConnectionPool

        with self._guard:
            if url not in self._pools:
                self._pools[url] = ConnectionPool(
                    kwargs=_arguments(address, timeout),
                    min_size=0,
                    max_size=size,
                    configure=lambda connection: _prepare(connection, address),
                    check=ConnectionPool.check_connection,
                    open=True,
                )
            return self._pools[url]

    def close(self) -> None:
        """Let go of all pooled connections."""
        with self._guard:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()


class _Number(IntDumper):
    """Truth is stored as 0 and 1, as everywhere in a store."""

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _Truth(psycopg.adapt.Loader):
    """A condition in a SELECT gives 0 or 1, as in SQLite."""

    def load(self, data: Any) -> int:
        return int(bytes(data) == b"t")


class _Exact(psycopg.adapt.Loader):
    """Sums and averages are plain numbers, as in SQLite."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


def _arguments(address: Address, timeout: int) -> dict[str, Any]:
    return {
        "connect_timeout": str(timeout),
        "fallback_application_name": "tm",
        **address.options,
        "client_encoding": "utf8",
        "autocommit": True,
        "row_factory": dict_row,
        "cursor_factory": psycopg.RawCursor,
    }


def _opener(address: Address, timeout: int) -> Callable[[], Connection]:
    arguments = _arguments(address, timeout)

    def connect() -> Connection:
        end = time.monotonic() + _STARTING
        while True:
            try:
                connection: Connection = psycopg.connect(**arguments)
                _prepare(connection, address)
                return connection
            except psycopg.Error as error:
                # From None: what the driver quotes of the URL must not get into a traceback.
                if not _is_starting(error) or time.monotonic() > end:
                    raise failures.unreachable(error, address) from None
            time.sleep(_PAUSE)

    return connect


def _is_starting(error: psycopg.Error) -> bool:
    return isinstance(error, errors.CannotConnectNow) or "starting up" in str(error)


def _close(connection: Connection) -> None:
    connection.close()


def _from(
    pool: Any, address: Address, timeout: float
) -> tuple[Callable[[], Connection], Callable[[Connection], None]]:
    from psycopg_pool import PoolTimeout

    def connect() -> Connection:
        try:
            connection: Connection = pool.getconn(timeout=timeout or None)
            return connection
        except PoolTimeout as error:
            raise failures.unreachable(error, address) from None

    def let_go(connection: Connection) -> None:
        if not connection.closed:
            connection.execute("UNLISTEN *")
        pool.putconn(connection)

    return connect, let_go


def _prepare(connection: Connection, address: Address) -> None:
    """Make a connection the store's: its schema, and numbers as SQLite gives them."""
    connection.execute(f'SET search_path TO "{address.schema}"', prepare=False)
    adapters = connection.adapters
    adapters.register_dumper(bool, _Number)
    adapters.register_loader("bool", _Truth)
    adapters.register_loader("numeric", _Exact)


def _exists(connection: Connection, address: Address) -> bool:
    sql = "SELECT 1 AS found FROM pg_namespace WHERE nspname = $1"
    return bool(connection.execute(sql, [address.schema]).fetchall())


def _create(connection: Connection, address: Address) -> None:
    """Make the schema and what the SQL of every store relies on; nothing where it is there."""
    try:
        found = connection.execute(
            "SELECT collname FROM pg_collation WHERE collname = ANY($1)", [list(UNICODE)]
        ).fetchall()
        known = {row["collname"] for row in found}
        unicode = next((name for name in UNICODE if name in known), "C")
        connection.execute(
            f'BEGIN; CREATE SCHEMA IF NOT EXISTS "{address.schema}";'
            + FUNCTIONS.replace("{unicode}", f'"{unicode}"')
            + "COMMIT",
            prepare=False,
        )
    except psycopg.Error as error:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise failures.explained(error, address) from error
