"""The only door for plugins: a plugin imports this module and itself, and nothing else of ours.

A name is fetched from where it lives when it is first asked for: a plugin pays at start-up only for
what it uses.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .command_line.output import Output, json_shape
    from .command_line.run import Run, current_run, dry_run_option
    from .command_line.verbs import Page
    from .command_line.views import listed
    from .configuration.cache import (
        cache_path,
        default_cache_folder,
        read_json,
        write_atomically,
        write_json_atomically,
    )
    from .configuration.config import Config, read_config, user_config_path
    from .configuration.consent import Approval, Approvals
    from .configuration.editing import set_feature as set_config_feature
    from .configuration.editing import set_value as set_config_value
    from .configuration.editing import unset_value as unset_config_value
    from .configuration.sets import PluginSet
    from .configuration.settings import Layer, parse_value
    from .configuration.yaml_file import parse_any as load_yaml
    from .configuration.yaml_file import parse_yaml
    from .context import (
        ConfigProvider,
        Context,
        Event,
        Handler,
        MetricCalculator,
        TaskSet,
        Validator,
    )
    from .engine.figures import Insight, Spread
    from .engine.privacy import readable
    from .engine.summary import summary
    from .errors import (
        BadStatement,
        BlankStore,
        ConfigError,
        Conflict,
        DamagedStore,
        DatabaseBusy,
        DatabaseError,
        ExpressionError,
        FeatureDisabled,
        InvalidValue,
        NewerSchema,
        NoStore,
        NotFound,
        PluginError,
        TmError,
        UsageError,
        ValidationError,
    )
    from .hook_data import Availability, CommandEnd, Failure, Finding, Foreign, Problem
    from .hookspecs import HOOKS, hookimpl
    from .language.checkers import checker
    from .language.syntax import FUNCTIONS, names, parse
    from .language.text import masked, mentions, nearest, quote
    from .language.values import check, check_records, visible
    from .language.when import (
        format_local,
        instant_now,
        parse_duration,
        parse_instant,
    )
    from .manager import TaskManager
    from .model import (
        API_VERSION,
        OPEN,
        PRIORITIES,
        STATUSES,
        Action,
        Change,
        Command,
        Document,
        Field,
        Hook,
        Plugin,
        Setting,
        Task,
    )
    from .plugin_host.actions import Param, TaskId, signature_of
    from .plugin_host.host import Host
    from .plugin_host.lock import Deviation, Locked, deviations, read_lock
    from .plugin_host.lock import as_json as lock_content
    from .plugin_host.registry import LOCK_FILE, Installed, describe
    from .plugin_host.schema import migration_sets as plugin_migration_sets
    from .record import Record
    from .storage.backend import (
        Backend,
        Copies,
        Database,
        Frugal,
        Portable,
        Row,
        SQLDialect,
        TableShape,
        Upkeep,
    )
    from .storage.chain import event_digest, next_head
    from .storage.migrate import MigrationSet, check_schema, kernel_migrations
    from .storage.migrate import applied as applied_migrations
    from .storage.migrate import apply as apply_migrations
    from .storage.migrate import held as held_migrations
    from .storage.migrate import parts as migration_parts
    from .storage.migrate import pending as pending_migrations
    from .storage.migrate import release as release_migrations
    from .storage.migrate import undo as undo_migrations
    from .storage.sqlite import SQLiteBackend
    from .storage.statements import refuse_control, with_guards
    from .workspace import Workspace

__all__ = [
    "API_VERSION",
    "FUNCTIONS",
    "HOOKS",
    "LOCK_FILE",
    "OPEN",
    "PRIORITIES",
    "STATUSES",
    "Action",
    "Approval",
    "Approvals",
    "Availability",
    "Backend",
    "BadStatement",
    "BlankStore",
    "Change",
    "Command",
    "CommandEnd",
    "Config",
    "ConfigError",
    "ConfigProvider",
    "Conflict",
    "Context",
    "Copies",
    "DamagedStore",
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "Deviation",
    "Document",
    "Event",
    "ExpressionError",
    "Failure",
    "FeatureDisabled",
    "Field",
    "Finding",
    "Foreign",
    "Frugal",
    "Handler",
    "Hook",
    "Host",
    "Insight",
    "Installed",
    "InvalidValue",
    "Layer",
    "Locked",
    "MetricCalculator",
    "MigrationSet",
    "NewerSchema",
    "NoStore",
    "NotFound",
    "Output",
    "Page",
    "Param",
    "Plugin",
    "PluginError",
    "PluginSet",
    "Portable",
    "Problem",
    "Record",
    "Row",
    "Run",
    "SQLDialect",
    "SQLiteBackend",
    "Setting",
    "Spread",
    "TableShape",
    "Task",
    "TaskId",
    "TaskManager",
    "TaskSet",
    "TmError",
    "Upkeep",
    "UsageError",
    "ValidationError",
    "Validator",
    "Workspace",
    "applied_migrations",
    "apply_migrations",
    "cache_path",
    "check",
    "check_records",
    "check_schema",
    "checker",
    "current_run",
    "default_cache_folder",
    "describe",
    "deviations",
    "dry_run_option",
    "event_digest",
    "format_local",
    "held_migrations",
    "hookimpl",
    "instant_now",
    "json_shape",
    "kernel_migrations",
    "listed",
    "load_yaml",
    "lock_content",
    "masked",
    "mentions",
    "migration_parts",
    "names",
    "nearest",
    "next_head",
    "parse",
    "parse_duration",
    "parse_instant",
    "parse_value",
    "parse_yaml",
    "pending_migrations",
    "plugin_migration_sets",
    "quote",
    "read_config",
    "read_json",
    "read_lock",
    "readable",
    "refuse_control",
    "release_migrations",
    "set_config_feature",
    "set_config_value",
    "signature_of",
    "summary",
    "undo_migrations",
    "unset_config_value",
    "user_config_path",
    "visible",
    "with_guards",
    "write_atomically",
    "write_json_atomically",
]

_HOMES = {
    "command_line.output": "Output json_shape",
    "command_line.run": "Run current_run dry_run_option",
    "command_line.verbs": "Page",
    "command_line.views": "listed",
    "configuration.cache": (
        "cache_path default_cache_folder read_json write_atomically write_json_atomically"
    ),
    "configuration.config": "Config read_config user_config_path",
    "configuration.consent": "Approval Approvals",
    "configuration.editing": (
        "set_config_feature=set_feature set_config_value=set_value unset_config_value=unset_value"
    ),
    "configuration.sets": "PluginSet",
    "configuration.settings": "Layer parse_value",
    "configuration.yaml_file": "load_yaml=parse_any parse_yaml",
    "context": ("ConfigProvider Context Event Handler MetricCalculator TaskSet Validator"),
    "engine.figures": "Insight Spread",
    "engine.privacy": "readable",
    "engine.summary": "summary",
    "errors": (
        "BadStatement BlankStore ConfigError Conflict DamagedStore DatabaseBusy DatabaseError "
        "ExpressionError FeatureDisabled InvalidValue NewerSchema NoStore NotFound "
        "PluginError TmError UsageError ValidationError"
    ),
    "hook_data": "Availability CommandEnd Failure Finding Foreign Problem",
    "hookspecs": "HOOKS hookimpl",
    "language.checkers": "checker",
    "language.syntax": "FUNCTIONS names parse",
    "language.text": "masked mentions nearest quote",
    "language.values": "check check_records visible",
    "language.when": "format_local instant_now parse_duration parse_instant",
    "manager": "TaskManager",
    "model": (
        "API_VERSION OPEN PRIORITIES STATUSES Action Change Command Document Field Hook Plugin "
        "Setting Task"
    ),
    "plugin_host.actions": "Param TaskId signature_of",
    "plugin_host.host": "Host",
    "plugin_host.lock": "Deviation Locked deviations read_lock lock_content=as_json",
    "plugin_host.registry": "LOCK_FILE Installed describe",
    "plugin_host.schema": "plugin_migration_sets=migration_sets",
    "record": "Record",
    "storage.backend": "Backend Copies Database Frugal Portable Row SQLDialect TableShape Upkeep",
    "storage.chain": "event_digest next_head",
    "storage.migrate": (
        "MigrationSet check_schema kernel_migrations applied_migrations=applied "
        "apply_migrations=apply held_migrations=held migration_parts=parts "
        "pending_migrations=pending release_migrations=release undo_migrations=undo"
    ),
    "storage.sqlite": "SQLiteBackend",
    "storage.statements": "refuse_control with_guards",
    "workspace": "Workspace",
}
"""What each module offers; `name=inner` where it is called otherwise there."""


def __getattr__(name: str) -> Any:
    for module, offered in _HOMES.items():
        for each in offered.split():
            outer, _, inner = each.partition("=")
            if outer == name:
                home = importlib.import_module(f"tm_core.{module}")
                return globals().setdefault(name, getattr(home, inner or name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
