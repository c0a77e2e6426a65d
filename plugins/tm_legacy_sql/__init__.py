"""Views with the earlier tool's tables and columns, for scripts that query the store with SQL."""

from tm_core.api import Plugin

plugin = Plugin(
    name="legacy-sql",
    summary="The earlier tool's tables as views, for scripts that use sqlite3",
    migrations="migrations",
)
