"""Task Orchestrator: tasks with a measurable definition of done, on a kernel of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .manager import TaskManager as TaskManager

__version__ = "0.1.0"
__all__ = ["TaskManager", "__version__"]


def __getattr__(name: str) -> Any:
    # The command's start-up imports this package: what it does not need, it does not pay for.
    if name == "TaskManager":
        from .manager import TaskManager

        return TaskManager
    raise AttributeError(f"module 'tm_core' has no attribute '{name}'")
