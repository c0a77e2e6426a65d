"""The only door for plugins: a plugin imports this module and itself, and nothing else of ours."""

from .actions import Param, TaskId
from .config_yaml import parse_any as load_yaml
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
from .expressions import FUNCTIONS, names, parse
from .hookspecs import hookimpl
from .model import (
    API_VERSION,
    OPEN,
    PRIORITIES,
    STATUSES,
    Action,
    Change,
    Command,
    Event,
    Field,
    Finding,
    Hook,
    Plugin,
    Problem,
    Setting,
    Task,
)
from .output import Output
from .privacy import readable
from .values import check, check_records, visible
from .verbs import Page
from .views import listed, summary
from .when import format_local, format_relative, instant_now, parse_duration, parse_instant

__all__ = [
    "API_VERSION",
    "FUNCTIONS",
    "OPEN",
    "PRIORITIES",
    "STATUSES",
    "Action",
    "Backend",
    "Change",
    "Command",
    "ConfigProvider",
    "Conflict",
    "Context",
    "Database",
    "DatabaseError",
    "Event",
    "ExpressionError",
    "Field",
    "Finding",
    "Handler",
    "Hook",
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
    "Task",
    "TaskId",
    "TaskSet",
    "TmError",
    "UsageError",
    "ValidationError",
    "Validator",
    "check",
    "check_records",
    "format_local",
    "format_relative",
    "hookimpl",
    "instant_now",
    "listed",
    "load_yaml",
    "names",
    "parse",
    "parse_duration",
    "parse_instant",
    "readable",
    "summary",
    "visible",
]
