"""Offers the engine under both names that its URLs go by."""

from __future__ import annotations

from collections.abc import Mapping

from tm_core.api import Backend, PluginError, hookimpl


@hookimpl
def storage_backends() -> Mapping[str, Backend]:
    """`postgresql://` and `postgres://`."""
    try:
        import psycopg  # noqa: F401  # asked for here, where what to do about it can be said
    except ImportError as error:
        raise PluginError(
            f"a store in PostgreSQL needs the library psycopg: {error}",
            "pip install 'task-orchestrator[postgres]'",
        ) from error
    from .backend import PostgresBackend

    backend = PostgresBackend()
    return {"postgresql": backend, "postgres": backend}
