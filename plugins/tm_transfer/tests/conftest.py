from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Change, Context, Field, Hook, Plugin, Setting, Task, hookimpl

TYPES = ["task", "bug", "feature", "epic", "chore"]


class Remarks:
    """A feature that keeps a part of its own beside the fields."""

    @hookimpl
    def task_draft(self, ctx: Context, draft: Change) -> None:
        if "remarks" in draft.details:
            draft.after["remarks_kept"] = draft.details["remarks"]

    @hookimpl
    def task_details(self, ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
        return {"remarks": {t.id: t["remarks_kept"] for t in tasks if t["remarks_kept"]}}


def features(name: str = "stand-in") -> Plugin:
    """Stands in for the features that declare what imports fill."""
    remarks = Remarks()
    return Plugin(
        name=name,
        summary="Fields for tests",
        fields=(
            Field("tags", "list", max_length=100),
            Field("type", "enum", choices_setting="types", default="task"),
            Field("parent", "str"),
            Field("depends_on", "list"),
            Field("deadline", "datetime"),
            Field("estimated_hours", "float", minimum=0),
            Field("actual_hours", "float", minimum=0),
            Field("completion_summary", "str"),
            Field("remarks_kept", "json", on=()),
        ),
        hooks={"task_draft": Hook(remarks, ("remarks",)), "task_details": Hook(remarks)},
        config={"types": Setting("list", TYPES, "Kinds of tasks")},
    )


@pytest.fixture
def rich(tm_open: Callable[..., TaskManager]) -> TaskManager:
    """A store with this feature and the stand-ins only."""
    return tm_open(plugins=[features()], settings=["plugins.only=[transfer, stand-in]"])


@pytest.fixture
def other(tmp_path: Path, rich: TaskManager) -> TaskManager:
    """A second store like it."""
    folder = tmp_path / "other"
    folder.mkdir()
    return TaskManager.open(
        str(folder),
        create=True,
        plugins=[features()],
        settings=["plugins.only=[transfer, stand-in]"],
    )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real data beside the project, which it does not contain."""
    folder = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}")
    return folder
