"""`tm errors`."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, NoStore, Param

from .handler import ErrorHandler


def errors(
    ctx: Context,
    *,
    limit: Annotated[int, Param("At most so many; 0 for all", minimum=0)] = 20,
) -> list[dict[str, Any]]:
    """Show what went wrong lately, newest first, and what to do about it.

    Commands that were merely refused are not in it.

    Args:
        limit: At most so many; 0 for all.

    Raises:
        NoStore: There is no store here, and so no log.
    """
    if not ctx.folder:
        raise NoStore("there is no task store here or in a parent folder", "tm init")
    return ErrorHandler(ctx.folder).entries(limit)
