"""`CoreLoop`: one store with everything that the specification names, and its registrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tm_core.api import TaskManager
from tm_criteria.validator import CriteriaValidator
from tm_error_log.handler import ErrorHandler
from tm_metrics.calculator import MetricsCalculator
from tm_migrations.manager import MigrationManager

from .config_manager import ConfigManager
from .registries import EventBus, MetricsRegistry, Registered, ValidatorRegistry
from .telemetry import TelemetryCapture


class CoreLoop:
    """The Core Loop over one store.

        with CoreLoop("project", create=True) as loop:
            loop.validator_registry.register(Signed())
            loop.task_manager.add("Ship it", success_criteria=[...])

    Registrations are this object's own: they are there for as long as it is, and count for what is
    done through it.
    """

    def __init__(self, path: str = "", **options: Any) -> None:
        """Prepare; the store is opened when it is first needed.

        Args:
            path: A project folder, a `.db` file or a URL; the current folder by default.
            options: As for `TaskManager.open`: `actor`, `create`, `settings`, `report`, ...
        """
        self._path = str(path)
        self._options = options
        self._registered = Registered()
        self._manager: TaskManager | None = None
        self.validator_registry = ValidatorRegistry(self._registered)
        """`register(validator)`: strategies for criteria."""
        self.metrics_registry = MetricsRegistry(self._registered)
        """`register(name, calculator)`: measures of the work."""
        self.event_bus = EventBus(self._registered)
        """`subscribe(pattern, handler)`: observers of events."""

    def __enter__(self) -> CoreLoop:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store; it is opened again when it is next needed."""
        if self._manager is not None:
            self._manager.close()
            self._manager = None

    @property
    def task_manager(self) -> TaskManager:
        """The tasks: `add`, `complete`, `progress`, `feedback`, `metrics` and all else.

        Ask for it anew after a change of the configuration, which opens the store again.

        Raises:
            NoStore: There is no store, and `create` was not given.
        """
        if self._manager is None:
            plugins = [*self._options.get("plugins", ()), self._registered.plugin()]
            self._manager = TaskManager.open(self._path, **{**self._options, "plugins": plugins})
        return self._manager

    @property
    def config_manager(self) -> ConfigManager:
        """The project's features, and `add_provider(provider)`."""
        folder = Path(self.task_manager.workspace.folder)
        return ConfigManager(folder / "config.yaml", self._registered, self.close)

    @property
    def criteria_validator(self) -> CriteriaValidator:
        """Judges criteria, with the strategies that were registered here."""
        return CriteriaValidator(self._registered.validators)

    @property
    def metrics_calculator(self) -> MetricsCalculator:
        """Figures about the work."""
        return MetricsCalculator(self.task_manager)

    @property
    def migration_manager(self) -> MigrationManager:
        """The store's schema, through the connection of this object."""
        return MigrationManager(self.task_manager.workspace)

    @property
    def telemetry(self) -> TelemetryCapture:
        """Counts, once somebody opts in."""
        return TelemetryCapture(self.task_manager)

    @property
    def error_handler(self) -> ErrorHandler:
        """What to do about an error, and the log of errors."""
        return ErrorHandler(self.task_manager.workspace.folder)
