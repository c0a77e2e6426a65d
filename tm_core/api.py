"""The only door for plugins: a plugin imports this module and itself, and nothing else of ours."""

from .command_line.output import Output
from .command_line.verbs import Page
from .command_line.views import listed, summary
from .configuration.cache import cache_path, read_json, write_atomically, write_json_atomically
from .configuration.consent import Approval, Approvals
from .configuration.yaml_file import parse_any as load_yaml
from .context import (
    Backend,
    ConfigProvider,
    Context,
    Database,
    Handler,
    MetricCalculator,
    Row,
    SQLDialect,
    TaskSet,
    Validator,
)
from .engine.figures import Insight, Spread
from .engine.privacy import readable
from .errors import (
    Conflict,
    DatabaseError,
    ExpressionError,
    InvalidValue,
    NotFound,
    PluginError,
    TmError,
    UsageError,
    ValidationError,
)
from .hookspecs import hookimpl
from .language.expressions import FUNCTIONS, names, parse
from .language.text import mentions
from .language.values import check, check_records, visible
from .language.when import format_local, format_relative, instant_now, parse_duration, parse_instant
from .model import (
    API_VERSION,
    OPEN,
    PRIORITIES,
    STATUSES,
    Action,
    Change,
    Command,
    Document,
    Event,
    Field,
    Finding,
    Hook,
    Plugin,
    Problem,
    Setting,
    Task,
)
from .plugin_host.actions import Param, TaskId

__all__ = [
    "API_VERSION",
    "FUNCTIONS",
    "OPEN",
    "PRIORITIES",
    "STATUSES",
    "Action",
    "Approval",
    "Approvals",
    "Backend",
    "Change",
    "Command",
    "ConfigProvider",
    "Conflict",
    "Context",
    "Database",
    "DatabaseError",
    "Document",
    "Event",
    "ExpressionError",
    "Field",
    "Finding",
    "Handler",
    "Hook",
    "Insight",
    "InvalidValue",
    "MetricCalculator",
    "NotFound",
    "Output",
    "Page",
    "Param",
    "Plugin",
    "PluginError",
    "Problem",
    "Row",
    "SQLDialect",
    "Setting",
    "Spread",
    "Task",
    "TaskId",
    "TaskSet",
    "TmError",
    "UsageError",
    "ValidationError",
    "Validator",
    "cache_path",
    "check",
    "check_records",
    "format_local",
    "format_relative",
    "hookimpl",
    "instant_now",
    "listed",
    "load_yaml",
    "mentions",
    "names",
    "parse",
    "parse_duration",
    "parse_instant",
    "read_json",
    "readable",
    "summary",
    "visible",
    "write_atomically",
    "write_json_atomically",
]
