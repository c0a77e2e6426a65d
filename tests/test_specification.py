"""The specification, heading by heading: one test or more for each of its promises.

Tests are named after the headings of the Core Loop architecture. What it calls by a name is taken
from `task_orchestrator`, where all of its names are.
"""

from __future__ import annotations

import ast
import errno
import importlib.metadata
import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import task_orchestrator
from task_orchestrator import (
    ConfigManager,
    CoreLoop,
    CriteriaValidator,
    ErrorHandler,
    MetricsCalculator,
    MigrationManager,
    TaskManager,
    TelemetryCapture,
    ValidationError,
)
from tm_core.api import (
    ConfigError,
    Conflict,
    ExpressionError,
    NotFound,
    PluginError,
    TmError,
    UsageError,
    signature_of,
)
from tm_core.testing import Cli, Process

ROOT = Path(__file__).parents[1]


@pytest.fixture
def loop(tm_environ: Path) -> Iterator[CoreLoop]:
    with CoreLoop(str(tm_environ), create=True) as made:
        yield made


@pytest.fixture
def tm(loop: CoreLoop) -> TaskManager:
    return loop.task_manager


def passing(**context: Any) -> dict[str, Any]:
    criteria = [{"criterion": "covered", "measurable": "coverage >= 80"}]
    return CriteriaValidator().validate(criteria, context)


# Design principles: modularity, backward compatibility, fail-safe, performance first


def test_principle_each_feature_is_a_module_of_its_own() -> None:
    """No plugin imports another one; `tests/kernel/test_invariants.py` looks at every import."""
    entries = importlib.metadata.entry_points(group="tm.plugins")
    modules = [entry.module for entry in entries]
    assert len(modules) == len({*modules})


def test_principle_features_are_opt_in_and_off_means_off(tm_cli: Cli) -> None:
    tm_cli("config", "disable", "feedback")
    task = tm_cli.add("x")
    tm_cli("complete", task)
    assert (
        "feature 'feedback' is disabled" in tm_cli("feedback", task, "--quality", "4", code=8).err
    )
    tm_cli("config", "enable", "feedback")
    tm_cli("feedback", task, "--quality", "4")


def test_principle_the_core_works_with_every_feature_off(tm_cli: Cli) -> None:
    tm_cli("config", "minimal-mode", "on")
    task = tm_cli.add("x")
    tm_cli("update", task, "--status", "in_progress")
    tm_cli("complete", task)
    assert "completed" in tm_cli("list").out


def test_principle_it_degrades_gracefully_when_a_component_fails(loop: CoreLoop) -> None:
    said: list[str] = []

    class Broken:
        def handle(self, event: Mapping[str, Any]) -> None:
            raise RuntimeError("no")

    with CoreLoop(loop.task_manager.workspace.project, report=said.append) as other:
        other.event_bus.subscribe("task.created", Broken())
        assert other.task_manager.add("x").status == "pending"
    assert any("RuntimeError: no" in line for line in said)


def test_principle_a_bare_add_imports_no_feature(tm_process: Process) -> None:
    """`tests/kernel/test_startup.py` compares with an allow-list; here, what the rule is about."""
    tm_process("init")
    code = (
        "import sys; from tm_core.command_line.cli import run; run(sys.argv[1:]);"
        "print(*(name for name in sys.modules if name.startswith('tm_')), file=sys.stderr)"
    )

    def imported(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tm_process.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}

    imported("add", "x")  # writes the caches that every later command reads
    assert imported("add", "x") == {"tm_core"}
    assert "tm_tags" in imported("add", "x", "--tag", "y"), "the check sees what is imported"


def test_principle_backward_compatible_with_the_earlier_commands(tm_cli: Cli) -> None:
    """`tests/end_to_end/test_compatibility.py` has all of them; here, a day with the tool."""
    first = tm_cli.add("Design", "-d", "The whole", "-p", "high")
    second = tm_cli.add("Build", "--depends-on", first, "--assignee", "ann")
    tm_cli("update", first, "--status", "in_progress")
    tm_cli("progress", first, "half done")
    tm_cli("share", first, "on it")
    tm_cli("complete", first, "--summary", "Done", "--actual-hours", "2")
    assert second in tm_cli("list", "--status", "pending", "--assignee", "ann").out
    tm_cli("feedback", first, "--quality", "5", "--timeliness", "4", "--note", "Fine")
    assert "# Task Orchestrator Export" in tm_cli("export", "--format", "markdown").out
    with closing(sqlite3.connect(tm_cli.folder / ".task-orchestrator" / "tasks.db")) as store:
        row = store.execute("SELECT status, actual_hours FROM tasks WHERE id = ?", [first])
        assert row.fetchone() == ("completed", 2)


def test_principle_writes_are_atomic_and_durable(tm: TaskManager) -> None:
    def both() -> None:
        with tm.transaction():
            tm.add("one")
            tm.add("")

    with pytest.raises(ValidationError):
        both()
    assert tm.find() == []
    (level,) = tm.database.query("PRAGMA synchronous")
    assert level["synchronous"] == 2, "FULL: what is acknowledged survives a power cut"


# System overview


def test_overview_all_parts_hang_on_one_object(loop: CoreLoop) -> None:
    assert isinstance(loop.task_manager, TaskManager)
    assert isinstance(loop.config_manager, ConfigManager)
    assert isinstance(loop.migration_manager, MigrationManager)
    assert isinstance(loop.criteria_validator, CriteriaValidator)
    assert isinstance(loop.metrics_calculator, MetricsCalculator)
    assert isinstance(loop.error_handler, ErrorHandler)
    assert isinstance(loop.telemetry, TelemetryCapture)


def test_overview_the_command_and_the_manager_see_one_store(tm_cli: Cli) -> None:
    task = tm_cli.add("By the command")
    with TaskManager.open(str(tm_cli.folder)) as tm:
        assert tm.get(task).title == "By the command"


# Core components: 1. TaskManager


@pytest.mark.parametrize("name", ["add", "complete", "progress", "feedback", "metrics"])
def test_task_manager_has_its_key_methods(name: str, tm: TaskManager) -> None:
    assert callable(getattr(tm, name))


def test_task_manager_creates_a_task_with_core_loop_features(tm: TaskManager) -> None:
    task = tm.add(
        "Ship it",
        success_criteria=[{"criterion": "covered", "measurable": "coverage >= 80"}],
        deadline="2030-01-02",
        estimated_hours=8,
    )
    assert task["success_criteria"][0]["measurable"] == "coverage >= 80"
    assert task["estimated_hours"] == 8
    assert task["deadline"] > "2030-01-0"


def test_task_manager_completes_with_validation(tm: TaskManager) -> None:
    task = tm.add("x", success_criteria=[{"criterion": "covered", "measurable": "coverage >= 80"}])
    with pytest.raises(ValidationError) as caught:
        tm.complete(task.id, validate=True, measurements=["coverage=70"])
    assert "coverage is 70" in caught.value.problems[0]["message"]
    assert tm.get(task.id).status == "pending"
    assert tm.complete(task.id, validate=True, measurements=["coverage=81"]).status == "completed"


def test_task_manager_tracks_progress(tm: TaskManager) -> None:
    task = tm.add("x")
    tm.progress(task.id, "half done", percent=50)
    assert [entry["percent"] for entry in tm.progress(task.id)] == [50]


def test_task_manager_collects_feedback(tm: TaskManager) -> None:
    task = tm.add("x")
    tm.complete(task.id)
    review = tm.feedback(task.id, quality=5, timeliness=4, note="Fine")
    assert (review["quality"], review["timeliness"]) == (5, 4)


def test_task_manager_measures(tm: TaskManager) -> None:
    task = tm.add("x")
    tm.complete(task.id)
    tm.feedback(task.id, quality=4)
    assert tm.metrics("feedback")["feedback"]["mean_quality"] == 4


def test_task_manager_does_crud_dependencies_notifications_collaboration(tm: TaskManager) -> None:
    first = tm.add("first")
    second = tm.add("second", depends_on=[first.id])
    tm.share(first.id, "on it")
    tm.complete(first.id)
    assert tm.get(second.id).status == "pending"
    tm.update(second.id, title="renamed")
    tm.delete(second.id)
    assert [task.id for task in tm.find()] == [first.id]


# 2. Configuration Manager


def test_configuration_manager_takes_a_path_and_keeps_it(tm_environ: Path) -> None:
    path = tm_environ / ".task-orchestrator" / "config.yaml"
    manager = ConfigManager(path)
    assert manager.config_path == path
    assert manager.config == manager.get_config()


def test_configuration_manager_toggles_features_at_runtime(loop: CoreLoop) -> None:
    manager = loop.config_manager
    assert manager.get_config()["feedback"] is True
    assert manager.disable_feature("feedback") is True
    assert manager.get_config()["feedback"] is False
    assert "feedback" not in dir(loop.task_manager)
    assert manager.enable_feature("feedback") is True
    assert "feedback" in dir(loop.task_manager)


def test_configuration_manager_persists_in_yaml(tm_environ: Path) -> None:
    path = tm_environ / ".task-orchestrator" / "config.yaml"
    ConfigManager(path).disable_feature("feedback")
    assert "disable:" in path.read_text()
    assert ConfigManager(path).get_config()["feedback"] is False


def test_configuration_manager_has_a_minimal_mode(tm_environ: Path) -> None:
    manager = ConfigManager(tm_environ / ".task-orchestrator" / "config.yaml")
    assert manager.set_minimal_mode(True) is True
    assert manager.get_config()["feedback"] is False
    assert manager.set_minimal_mode(False) is True
    assert manager.get_config()["feedback"] is True


def test_configuration_manager_has_defaults_for_all_features(tm_environ: Path) -> None:
    config = ConfigManager(tm_environ / ".task-orchestrator" / "config.yaml").get_config()
    names = {"success-criteria", "feedback", "completion-summaries", "time-tracking", "deadlines"}
    assert names <= config.keys()
    assert all(isinstance(value, bool) for value in config.values())


def test_configuration_manager_refuses_what_it_does_not_know(tm_environ: Path) -> None:
    manager = ConfigManager(tm_environ / ".task-orchestrator" / "config.yaml")
    with pytest.raises(UsageError, match="feedbak"):
        manager.enable_feature("feedbak")
    with pytest.raises(UsageError, match="not read"):
        ConfigManager(tm_environ / "other.yaml")


# 3. Migration System


def test_migration_system_tells_what_is_applied(loop: CoreLoop) -> None:
    status = loop.migration_manager.get_status()
    assert "kernel:0001_initial.sql" in [each["migration"] for each in status["applied"]]
    assert status["pending"] == []


def test_migration_system_is_idempotent(loop: CoreLoop) -> None:
    manager = loop.migration_manager
    before = manager.get_status()
    assert manager.apply_migrations() is True
    assert manager.get_status() == before


def test_migration_system_backs_up_and_rolls_back(loop: CoreLoop) -> None:
    task = loop.task_manager.add("x", deadline="2030-01-02")
    folder = Path(loop.task_manager.workspace.folder)
    backup = loop.migration_manager.create_backup()
    assert backup.parent == folder / "backups"
    loop.close()
    settings = ["plugins.disable=deadlines,phases"]
    with CoreLoop(str(folder.parent), settings=settings) as other:
        assert other.task_manager.get(task.id).title == "x"
    status = loop.migration_manager.get_status()
    last = status["applied"][-2]["migration"]
    assert loop.migration_manager.rollback(last) is True
    rolled = loop.migration_manager.get_status()
    assert len(rolled["applied"]) == len(status["applied"]) - 1
    assert loop.migration_manager.apply_migrations() is True
    assert loop.task_manager.get(task.id).title == "x"


def test_migration_system_refuses_to_roll_back_the_store_itself(loop: CoreLoop) -> None:
    with pytest.raises(Conflict, match="not rolled back"):
        loop.migration_manager.rollback()


# 4. Criteria Validator


def test_criteria_validator_gives_an_overall_pass() -> None:
    assert passing(coverage=81)["overall_pass"] is True
    refused = passing(coverage=79)
    assert refused["overall_pass"] is False
    assert [failure["criterion"] for failure in refused["failures"]] == ["covered"]


def test_criteria_validator_never_passes_what_it_does_not_know() -> None:
    result = passing()
    assert result["overall_pass"] is False
    assert result["failures"][0]["state"] == "unknown"


def test_criteria_validator_parses_expressions() -> None:
    assert isinstance(CriteriaValidator().parse_expression("a > 1 and b == 2"), ast.AST)
    with pytest.raises(ExpressionError):
        CriteriaValidator().parse_expression("__import__('os')")


def test_criteria_validator_evaluates_one_criterion() -> None:
    validator = CriteriaValidator()
    criterion = {"criterion": "fast", "measurable": "p95 < 200 and not failed"}
    assert validator.evaluate_criterion(criterion, {"p95": 120, "failed": False}) is True
    assert validator.evaluate_criterion(criterion, {"p95": 220, "failed": False}) is False


@pytest.mark.parametrize(
    "expression",
    ["().__class__", "open('x')", "x.__init__", "[c for c in ()]", "lambda: 1", "9 ** 9 ** 9"],
)
def test_criteria_validator_executes_expressions_safely(expression: str) -> None:
    result = CriteriaValidator().validate([{"criterion": "x", "measurable": expression}], {"x": 1})
    assert result["overall_pass"] is False


# 5. Metrics Calculator


def test_metrics_calculator_has_its_four_methods(tm: TaskManager) -> None:
    task = tm.add("x", estimated_hours=2)
    tm.complete(task.id, actual_hours=4)
    tm.feedback(task.id, quality=4)
    calculator = MetricsCalculator(tm)
    assert calculator.calculate_feedback_metrics()["reviews"] == 1
    assert calculator.calculate_time_metrics()
    assert calculator.calculate_success_rates()
    assert isinstance(calculator.generate_insights(), dict)


def test_metrics_calculator_aggregates_by_groups(tm: TaskManager) -> None:
    task = tm.add("x", assignee="ada")
    tm.complete(task.id)
    tm.feedback(task.id, quality=4)
    figures = MetricsCalculator(tm).calculate_feedback_metrics(by="assignee")
    assert figures["by_assignee"]["ada"]["mean_quality"] == 4


def test_metrics_calculator_counts_who_passes_the_first_time(tm: TaskManager) -> None:
    criteria = [{"criterion": "covered", "measurable": "coverage >= 80"}]
    first, second = (tm.add(title, success_criteria=criteria) for title in ("a", "b"))
    with pytest.raises(ValidationError):
        tm.complete(second.id, measurements=["coverage=79"])
    for task in (first, second):
        tm.complete(task.id, measurements=["coverage=80"])
    rates = MetricsCalculator(tm).calculate_success_rates()
    assert (rates["validated"], rates["first_pass"], rates["first_pass_rate"]) == (2, 1, 0.5)


def test_metrics_calculator_says_where_a_feature_is_off(tm_environ: Path) -> None:
    settings = ["plugins.disable=feedback"]
    with CoreLoop(str(tm_environ), create=True, settings=settings) as loop, pytest.raises(NotFound):
        loop.metrics_calculator.calculate_feedback_metrics()


# 6. Telemetry Capture


def test_telemetry_is_off_until_somebody_opts_in(loop: CoreLoop) -> None:
    for use in (
        loop.telemetry.get_insights,
        loop.telemetry.export_data,
        lambda: loop.telemetry.capture_event("import.finished", {}),
    ):
        with pytest.raises(PluginError, match="feature 'telemetry' is disabled"):
            use()


def test_telemetry_counts_and_keeps_no_text(tm_environ: Path) -> None:
    settings = ["plugins.enable=telemetry"]
    with CoreLoop(str(tm_environ), create=True, settings=settings) as loop:
        loop.task_manager.add("A secret title", assignee="somebody")
        loop.telemetry.capture_event("import.finished", {"seconds": 2.5, "path": "/home/secret"})
        text = json.dumps(loop.telemetry.export_data())
        assert "import.finished" in text
        assert "task.created" in text
        assert "secret" not in text
        assert "somebody" not in text
        assert isinstance(loop.telemetry.get_insights(), dict)


def test_telemetry_refuses_what_is_no_type_of_event(tm_environ: Path) -> None:
    settings = ["plugins.enable=telemetry"]
    with (
        CoreLoop(str(tm_environ), create=True, settings=settings) as loop,
        pytest.raises(ValidationError),
    ):
        loop.telemetry.capture_event("My Title!", {})


# 7. Error Handler


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database is locked"),
        OSError(errno.ENOSPC, "No space left on device"),
        sqlite3.DatabaseError("file is not a database"),
        PermissionError(errno.EACCES, "Permission denied"),
        PluginError("plugin 'x' does not work"),
        ConfigError("config.yaml: unknown key"),
        ValueError("whatever"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_handler_has_a_recovery_plan(error: Exception, loop: CoreLoop) -> None:
    plan = loop.error_handler.create_recovery_plan(error)
    assert plan
    assert all(isinstance(step, str) and step for step in plan)


def test_error_handler_graduates_its_responses(loop: CoreLoop) -> None:
    handler = loop.error_handler
    told = handler.handle_error(NotFound("no such task"), "show")
    worst = handler.handle_error(NotFound("no such task"), "show", critical=True)
    assert told["can_continue"] is True
    assert (worst["severity"], worst["can_continue"]) == ("critical", False)


def test_error_handler_logs_without_what_people_wrote(loop: CoreLoop) -> None:
    handler = loop.error_handler
    handler.log_error(ValueError("the password is hunter2"), "import")
    log = Path(loop.task_manager.workspace.folder) / "logs" / "errors.log"
    text = log.read_text()
    assert json.loads(text.splitlines()[-1])["kind"]
    assert "hunter2" not in text


# Data flow patterns


def test_task_creation_flow_is_one_transaction(tm: TaskManager) -> None:
    """Command, manager, configuration, criteria, database: refused as a whole by any of them."""
    with pytest.raises(ValidationError):
        tm.add("x", success_criteria=[{"criterion": "broken", "measurable": "((("}])
    assert tm.find() == []
    assert list(tm.log()) == []


def test_completion_validation_flow_is_told_in_its_event(tm: TaskManager) -> None:
    task = tm.add("x", success_criteria=[{"criterion": "covered", "measurable": "coverage >= 80"}])
    tm.complete(task.id, measurements=["coverage=90"])
    event = next(tm.log(task.id, event_type="task.completed"))
    (result,) = event["data"]["plugins"]["success-criteria"]["results"]
    assert result["state"] == "passed"


def test_metrics_aggregation_flow_is_cached_until_something_happens(tm: TaskManager) -> None:
    tm.add("one")
    first = tm.metrics("tasks")
    assert tm.metrics("tasks") == first
    tm.add("two")
    assert tm.metrics("tasks") != first


# Module interactions


def test_interactions_modules_depend_on_the_kernel_alone() -> None:
    """The graph is a star: no built-in imports another, or any module but the kernel's door."""
    wrong = []
    for entry in importlib.metadata.entry_points(group="tm.plugins"):
        if entry.dist is None or entry.dist.name != "task-orchestrator":
            continue
        package = ROOT / "plugins" / entry.module
        paths = [path for path in package.rglob("*.py") if "tests" not in path.parts]
        assert paths, f"{entry.module} is where it is said to be"
        for path in paths:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                elif isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                for name in names:
                    own = name.partition(".")[0] in (entry.module, "task_orchestrator")
                    if name.startswith("tm_") and not own and name != "tm_core.api":
                        wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_contract_configuration_is_asked_before_a_core_loop_operation(loop: CoreLoop) -> None:
    loop.config_manager.disable_feature("success-criteria")
    config = loop.config_manager.get_config()
    assert config.get("success-criteria", False) is False
    with pytest.raises(Exception, match="feature 'success-criteria' is disabled"):
        loop.task_manager.add("x", success_criteria=[])


def test_contract_validation_only_when_requested(tm: TaskManager) -> None:
    task = tm.add("x", success_criteria=[{"criterion": "c", "measurable": "coverage >= 80"}])
    assert tm.complete(task.id).status == "completed"


def test_contract_metrics_are_sql_over_the_documented_columns(tm: TaskManager) -> None:
    task = tm.add("x")
    tm.complete(task.id)
    tm.feedback(task.id, quality=4)
    with closing(sqlite3.connect(tm.database.url)) as connection:
        cursor = connection.execute(
            "SELECT AVG(feedback_quality) FROM tasks WHERE feedback_quality IS NOT NULL"
        )
        assert cursor.fetchone()[0] == 4


# Design decisions


def test_decision_sqlite_with_write_ahead_log(tm: TaskManager) -> None:
    with closing(sqlite3.connect(tm.database.url)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_decision_criteria_are_json_text(tm: TaskManager) -> None:
    tm.add("x", success_criteria=[{"criterion": "c"}])
    with closing(sqlite3.connect(tm.database.url)) as connection:
        (text,) = connection.execute("SELECT success_criteria FROM tasks").fetchone()
    assert json.loads(text) == [{"criterion": "c"}]


def test_decision_toggles_keep_the_data(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--deadline", "2030-01-02")
    tm_cli("config", "disable", "deadlines")
    assert "deadline" not in tm_cli.show(task)
    tm_cli("config", "enable", "deadlines")
    assert tm_cli.show(task)["deadline"]


def test_decision_migrations_are_idempotent(tm_environ: Path) -> None:
    for _ in range(3):
        with TaskManager.open(str(tm_environ), create=True) as tm:
            tm.find()
    with TaskManager.open(str(tm_environ)) as tm:
        assert tm.migrated == []


def test_decision_each_module_fails_alone(loop: CoreLoop) -> None:
    class Broken:
        def calculate(self, tasks: list[dict[str, Any]]) -> dict[str, Any]:
            raise RuntimeError("no")

    loop.metrics_registry.register("broken", Broken())
    figures = loop.task_manager.metrics()
    assert "no" in str(figures["broken"])
    assert "error" not in str(figures["tasks"])


# Extension points


def test_extension_custom_validators(loop: CoreLoop) -> None:
    class CustomValidator:
        def validate(self, criterion: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
            return bool(context.get("signed"))

        def get_name(self) -> str:
            return "custom_validator"

    loop.validator_registry.register(CustomValidator())
    tm = loop.task_manager
    task = tm.add("x", success_criteria=[{"criterion": "signed", "validator": "custom_validator"}])
    with pytest.raises(ValidationError, match="custom_validator"):
        tm.complete(task.id, validate=True)
    assert tm.complete(task.id, measurements=["signed=true"]).status == "completed"
    criterion = {"criterion": "signed", "validator": "custom_validator"}
    assert loop.criteria_validator.evaluate_criterion(criterion, {"signed": True})
    with pytest.raises(UsageError, match="already"):
        loop.validator_registry.register(CustomValidator())


def test_extension_metric_calculators(loop: CoreLoop) -> None:
    class CustomMetricCalculator:
        def calculate(self, tasks: list[dict[str, Any]]) -> dict[str, Any]:
            return {"custom_metric": len(tasks), "titles": [task["title"] for task in tasks]}

    loop.metrics_registry.register("custom", CustomMetricCalculator())
    loop.task_manager.add("x")
    figures = loop.task_manager.metrics("custom")["custom"]
    assert figures == {"custom_metric": 1, "titles": ["x"]}
    with pytest.raises(UsageError, match="already"):
        loop.metrics_registry.register("custom", CustomMetricCalculator())


def test_extension_event_handlers(loop: CoreLoop) -> None:
    seen: list[str] = []

    class TaskCompletionHandler:
        def handle(self, event: Mapping[str, Any]) -> None:
            seen.append(event["type"])

    loop.event_bus.subscribe("task.completed", TaskCompletionHandler())
    loop.event_bus.subscribe("task.*", lambda event: seen.append(f"any {event['type']}"))
    task = loop.task_manager.add("x")
    loop.task_manager.complete(task.id)
    assert sorted(seen) == ["any task.completed", "any task.created", "task.completed"]


def test_extension_configuration_providers(loop: CoreLoop) -> None:
    kept: list[Mapping[str, Any]] = []

    class DatabaseConfigProvider:
        def get_config(self) -> dict[str, Any]:
            return {"list": {"limit": 7}}

        def set_config(self, config: Mapping[str, Any]) -> None:
            kept.append(config)

    assert loop.task_manager.workspace.config.get("list.limit") != 7
    loop.config_manager.add_provider(DatabaseConfigProvider())
    config = loop.task_manager.workspace.config
    assert config.get("list.limit") == 7
    assert ("providers", "registered-in-code/DatabaseConfigProvider", 7) in config.explain(
        "list.limit"
    )


def test_extension_registrations_belong_to_one_object(loop: CoreLoop) -> None:
    loop.metrics_registry.register("custom", object())
    with CoreLoop(loop.task_manager.workspace.project) as other, pytest.raises(NotFound):
        other.task_manager.metrics("custom")


# Performance considerations


def test_performance_indexes_on_query_patterns(tm: TaskManager) -> None:
    with closing(sqlite3.connect(tm.database.url)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM task WHERE assignee = 'x' AND deadline > '2020'"
        ).fetchall()
    assert any("USING" in row[3] for row in plan)


def test_performance_optional_modules_are_loaded_lazily(tm_process: Process) -> None:
    import task_orchestrator as package

    text = Path(package.__file__).read_text()
    top = [line for line in text.splitlines() if re.match(r"(import|from) ", line)]
    assert top == [
        "from __future__ import annotations",
        "import importlib",
        "from typing import TYPE_CHECKING, Any",
    ]


def test_performance_concurrent_access(tm_environ: Path) -> None:
    with TaskManager.open(str(tm_environ), create=True):
        pass
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with TaskManager.open(str(tm_environ)) as own:
                for number in range(5):
                    own.add(str(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with TaskManager.open(str(tm_environ)) as tm:
        assert tm.count() == 20


def test_performance_exports_are_streams(tm: TaskManager) -> None:
    for number in range(3):
        tm.add(str(number))
    pieces = list(tm.export(format="jsonl"))
    assert len(pieces) == 3, "a piece for each task, not one text for all"


def test_performance_details_are_read_for_many_tasks_at_once(
    tm: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    plain = tm.database.query

    def query(sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return plain(sql, parameters)

    for number in range(20):
        tm.add(str(number))
    monkeypatch.setattr(tm.database, "query", query)
    tm.find(limit=1, details=True)
    few = len(asked)
    asked.clear()
    tm.find(limit=20, details=True)
    assert len(asked) == few


def test_performance_backups_are_compressed(tm_cli: Cli) -> None:
    tm_cli.add("x" * 400)
    tm_cli("backup", "create")
    (made,) = (tm_cli.folder / ".task-orchestrator" / "backups").glob("*.zst")
    store = tm_cli.folder / ".task-orchestrator" / "tasks.db"
    assert made.stat().st_size < store.stat().st_size / 4


def test_performance_many_tasks_are_written_together(tm: TaskManager) -> None:
    with tm.transaction():
        for number in range(50):
            tm.add(str(number))
    assert len({event["transaction_id"] for event in tm.log()}) == 1


# Security considerations


def test_security_sql_injection_is_prevented(tm: TaskManager) -> None:
    nasty = "x'); DROP TABLE task; --"
    task = tm.add(nasty, assignee=nasty)
    assert tm.find(f"assignee == {nasty!r}")[0].id == task.id
    assert tm.get(task.id).title == nasty


def test_security_file_paths_are_validated(tm_cli: Cli, tmp_path: Path) -> None:
    outside = tmp_path / "outside.xml"
    outside.write_text("<testsuite/>")
    task = tm_cli.add("x", "--criteria", '[{"criterion": "c", "measurable": "tests.failed == 0"}]')
    refused = tm_cli("complete", task, "--validate", "--evidence", str(outside), code=5)
    assert "lies outside the project" in refused.err
    assert tm_cli.show(task)["status"] == "pending"


def test_security_data_types_are_enforced(tm: TaskManager) -> None:
    for values in ({"estimated_hours": "soon"}, {"deadline": "never"}, {"priority": "huge"}):
        with pytest.raises(ValidationError):
            tm.add("x", **values)


def test_security_the_store_is_private(loop: CoreLoop) -> None:
    folder = Path(loop.task_manager.workspace.folder)
    assert folder.stat().st_mode & 0o077 == 0


def test_security_temporary_files_are_private(tm_cli: Cli) -> None:
    tm_cli.add("x")
    out = tm_cli.folder / "out.json"
    tm_cli("export", "--output", str(out))
    tm_cli("metrics")  # is kept in a file
    assert [path.name for path in tm_cli.folder.glob(".*tmp")] == []
    private = [
        path
        for path in (tm_cli.folder / ".task-orchestrator").rglob("*")
        if path.is_file() and path.suffix in (".json", ".jsonl")
    ]
    assert private
    assert [path for path in private if path.stat().st_mode & 0o077] == []


def test_security_text_of_tasks_drives_no_terminal(tm_cli: Cli) -> None:
    tm_cli.add("red \x1b[31m alert")
    assert "\x1b" not in tm_cli("list").out


def test_security_everything_is_audited(tm: TaskManager) -> None:
    task = tm.add("x")
    tm.update(task.id, title="y")
    event = next(tm.log(task.id, event_type="task.updated"))
    assert event["actor"] == "tester"
    assert event["data"]["before"]["title"] == "x"
    assert event["data"]["after"]["title"] == "y"


def test_security_errors_disclose_no_code(tm_cli: Cli) -> None:
    told = tm_cli("show", "nothing", code=3)
    assert "Traceback" not in told.err
    assert len(told.err.splitlines()) == 1


# Monitoring and observability


def test_logging_levels_are_a_setting(tm_cli: Cli) -> None:
    tm_cli("config", "set", "error-log.level", "critical")
    tm_cli("config", "set", "error-log.level", "loud", code=5)
    assert tm_cli("config", "get", "error-log.level").out == "critical\n"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_logging_levels_decide_what_is_logged(tm_process: Process, level: str) -> None:
    tm_process("init")
    lines = tm_process("add", "A secret title", "--tag", "x", TM_LOG=level).err.splitlines()
    logged = [line for line in lines if line != "Task created"]
    assert bool(logged) is (level in ("debug", "info"))
    assert not any("secret" in line for line in logged)
    shown = [line for line in logged if "debug" in line.lower()]
    assert bool(shown) is (level == "debug")


def test_metrics_collection_times_operations_and_counts_errors(tm_cli: Cli) -> None:
    tm_cli("config", "enable", "telemetry")
    tm_cli.add("x")
    tm_cli("show", "ffffffff", code=3)
    shown = tm_cli("telemetry", "export").out
    assert "not_found" in shown
    assert '"add"' in shown


def test_health_checks_look_at_database_modules_and_configuration(tm_cli: Cli) -> None:
    found = tm_cli("doctor", "--json").json
    assert [finding for finding in found if finding["level"] == "error"] == []
    subjects = {finding["subject"] for finding in found}
    assert {"store", "configuration", "plugin feedback"} <= subjects


def test_health_checks_see_how_much_room_is_left(tm_cli: Cli) -> None:
    subjects = " ".join(finding["subject"] for finding in tm_cli("doctor", "--json").json)
    assert "disk" in subjects or "space" in subjects


# Future architecture evolution


def test_evolution_plugin_system() -> None:
    names = {entry.name for entry in importlib.metadata.entry_points(group="tm.plugins")}
    assert {"feedback", "metrics", "success-criteria"} <= names


def test_evolution_event_sourcing_is_a_complete_audit_trail(tm: TaskManager) -> None:
    task = tm.add("x")
    tm.complete(task.id)
    tm.undo()
    assert [event["type"] for event in tm.log(task.id)] == [
        *("task.created", "task.completed"),
        "task.undone",
    ]


def test_evolution_every_action_is_declared_so_that_any_interface_can_offer_it(
    tm: TaskManager,
) -> None:
    for _, (plugin, action) in tm.host.actions().items():
        signature = signature_of(tm.host.load(plugin, action.target))
        assert all(parameter.field.type for parameter in signature.parameters)


def test_evolution_other_engines_open_by_their_scheme(tm: TaskManager) -> None:
    with pytest.raises(TmError, match=r"'nowhere:'.*known: sqlite"):
        TaskManager.open("nowhere://host/db")


def test_evolution_estimates_learn_from_what_was_measured(tm: TaskManager) -> None:
    for _ in range(3):
        task = tm.add("x", estimated_hours=2)
        tm.complete(task.id, actual_hours=4)
    assert MetricsCalculator(tm).calculate_time_metrics()["p50_ratio"] == 2


def test_evolution_interfaces_stay(tm_environ: Path) -> None:
    """All names of the specification are importable from one place."""
    for name in task_orchestrator.__all__:
        assert getattr(task_orchestrator, name).__name__ == name
    assert dir(task_orchestrator) == task_orchestrator.__all__
    with pytest.raises(AttributeError):
        _ = task_orchestrator.Nothing


HEADINGS = {
    "Architectural principles": "principle",
    "System overview": "overview",
    "TaskManager": "task_manager",
    "Configuration Manager": "configuration_manager",
    "Migration System": "migration_system",
    "Criteria Validator": "criteria_validator",
    "Metrics Calculator": "metrics_calculator",
    "Telemetry Capture": "telemetry",
    "Error Handler": "error_handler",
    "Task Creation Flow": "task_creation_flow",
    "Completion Validation Flow": "completion_validation_flow",
    "Metrics Aggregation Flow": "metrics_aggregation_flow",
    "Dependency Graph": "interactions",
    "Interface Contracts": "contract",
    "Design Decisions": "decision",
    "Custom Validators": "extension_custom_validators",
    "Metric Calculators": "extension_metric_calculators",
    "Event Handlers": "extension_event_handlers",
    "Configuration Providers": "extension_configuration_providers",
    "Performance Considerations": "performance",
    "Security Considerations": "security",
    "Logging Levels": "logging_levels",
    "Metrics Collection": "metrics_collection",
    "Health Checks": "health_checks",
    "Future Architecture Evolution": "evolution",
}
"""The specification's headings, and how the names of their tests begin."""


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_heading_has_a_test(heading: str) -> None:
    assert any(name.startswith(f"test_{HEADINGS[heading]}") for name in globals())
