"""What `tm doctor` says about backups."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

from tm_core.api import Context, Copies, Finding, hookimpl, parse_instant

from . import archive

_ABANDONED = 3600


@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """Whether work is older than the newest backup that has it, and what was left behind."""
    if not isinstance(ctx.database, Copies):
        return
    folder = archive.folder_of(ctx.database)
    known = archive.backups(folder)
    for one in known:
        if one.kind == "unreadable":
            yield Finding("warning", "backups", f"{one.path} is no whole backup", "remove it")
    saved = max((one.last_event or 0 for one in known), default=0)
    unsaved = ctx.query("SELECT count(*) AS n, min(at) AS since FROM event WHERE seq > ?", [saved])
    days = ctx.settings["warn_days"]
    if days and unsaved[0]["n"] and unsaved[0]["since"] < parse_instant(f"-{days}d"):
        message = f"the newest backup lacks {unsaved[0]['n']} event(s), the oldest over {days} days"
        yield Finding("warning", "backups", message, "tm backup create")
    else:
        yield Finding("ok", "backups", f"{len(known)} in {folder}")
    for path in archive.abandoned(folder, _ABANDONED):
        yield Finding(
            "warning",
            "backups",
            f"{path} was left behind by a process that was killed",
            "remove it",
            partial(shutil.rmtree, path),
        )
