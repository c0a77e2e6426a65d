"""Time tracking: what was estimated, what it took, and timers that measure it."""

from tm_core.api import Action, Field, Hook, Plugin

plugin = Plugin(
    name="time-tracking",
    summary="Estimates, hours worked, and timers",
    fields=(
        Field(
            "estimated_hours",
            "duration",
            help="How long it should take: 8, 1.5, 90m, 2h30m",
            minimum=0,
            maximum=1_000_000,
        ),
        Field(
            "actual_hours",
            "duration",
            on=("update", "complete"),
            help="How long it took; otherwise what the timers measured",
            minimum=0,
            maximum=1_000_000,
        ),
    ),
    hooks={
        "metric_calculators": Hook("tm_time_tracking.metrics"),
        "task_details": Hook("tm_time_tracking.hooks"),
        "task_draft": Hook(
            "tm_time_tracking.hooks", when=("task.completed", "task.cancelled", "task.deleted")
        ),
        "task_write": Hook(
            "tm_time_tracking.hooks",
            when=("task.completed", "task.cancelled", "task.deleted", "time_entries"),
        ),
    },
    actions={
        "start": Action(
            "tm_time_tracking.actions:start",
            "Start your timer on a task",
            "tm_time_tracking.views:started",
            writes=True,
        ),
        "stop": Action(
            "tm_time_tracking.actions:stop",
            "Stop your timer and add its hours to the task",
            "tm_time_tracking.views:stopped",
            writes=True,
        ),
        "timers": Action(
            "tm_time_tracking.actions:timers",
            "Show the timers that run",
            "tm_time_tracking.views:timers",
        ),
    },
    migrations="migrations",
)
