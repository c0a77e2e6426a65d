"""The names of the specification, in one place.

Each is the class that does the work, from the kernel or from the plugin whose feature it is:

    from task_orchestrator import CoreLoop, CriteriaValidator

    CriteriaValidator().validate([{"criterion": "fast", "measurable": "p95 < 200"}], {"p95": 120})

    with CoreLoop("project", create=True) as loop:
        loop.event_bus.subscribe("task.completed", Celebrate())
        task = loop.task_manager.add("Write the tutorial")

A name is imported when it is first asked for, so that nobody pays for what is not used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tm_core.api import ValidationError as ValidationError
    from tm_core.manager import TaskManager as TaskManager
    from tm_criteria.validator import CriteriaValidator as CriteriaValidator
    from tm_error_log.handler import ErrorHandler as ErrorHandler
    from tm_metrics.calculator import MetricsCalculator as MetricsCalculator
    from tm_migrations.manager import MigrationManager as MigrationManager

    from .config_manager import ConfigManager as ConfigManager
    from .core_loop import CoreLoop as CoreLoop
    from .registries import EventBus as EventBus
    from .registries import MetricsRegistry as MetricsRegistry
    from .registries import ValidatorRegistry as ValidatorRegistry
    from .telemetry import TelemetryCapture as TelemetryCapture

__all__ = [
    "ConfigManager",
    "CoreLoop",
    "CriteriaValidator",
    "ErrorHandler",
    "EventBus",
    "MetricsCalculator",
    "MetricsRegistry",
    "MigrationManager",
    "TaskManager",
    "TelemetryCapture",
    "ValidationError",
    "ValidatorRegistry",
]


def __getattr__(name: str) -> Any:
    homes = {
        "ConfigManager": "task_orchestrator.config_manager",
        "CoreLoop": "task_orchestrator.core_loop",
        "CriteriaValidator": "tm_criteria.validator",
        "ErrorHandler": "tm_error_log.handler",
        "EventBus": "task_orchestrator.registries",
        "MetricsCalculator": "tm_metrics.calculator",
        "MetricsRegistry": "task_orchestrator.registries",
        "MigrationManager": "tm_migrations.manager",
        "TaskManager": "tm_core.manager",
        "TelemetryCapture": "task_orchestrator.telemetry",
        "ValidationError": "tm_core.api",
        "ValidatorRegistry": "task_orchestrator.registries",
    }
    if name not in homes:
        raise AttributeError(f"module 'task_orchestrator' has no attribute '{name}'")
    return getattr(importlib.import_module(homes[name]), name)


def __dir__() -> list[str]:
    return __all__
