"""Offers the engine under both names that its URLs go by."""

from __future__ import annotations

from collections.abc import Mapping

from tm_core.api import Backend, hookimpl

from .backend import PostgresBackend


@hookimpl
def storage_backends() -> Mapping[str, Backend]:
    """`postgresql://` and `postgres://`."""
    backend = PostgresBackend()
    return {"postgresql": backend, "postgres": backend}
