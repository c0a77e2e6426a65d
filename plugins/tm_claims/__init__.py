"""Claims: who works on what until when, so that no task is taken twice and none is held forever."""

from tm_core.api import Action, Field, Hook, Plugin, Setting

_CHANGES = (
    "task.updated",
    "task.started",
    "task.completed",
    "task.cancelled",
    "task.deleted",
    "task.blocked",
    "task.unblocked",
    "task.reopened",
    "task.restored",
)
"""All that can happen to a task that is there: adding one wakes nobody here."""

plugin = Plugin(
    name="claims",
    summary="Take work for a time, so that nobody else does it too",
    fields=(
        Field(
            "claim_token",
            "int",
            on=("update", "complete", "delete"),
            help="The number of the claim under which this is written",
            options=("--token",),
            minimum=1,
            stored=False,
        ),
    ),
    hooks={
        "task_validate": Hook("tm_claims.hooks", when=_CHANGES),
        "event_validate": Hook("tm_claims.hooks"),
        "task_write": Hook("tm_claims.hooks", when=_CHANGES),
        "task_undone": Hook("tm_claims.hooks"),
        "task_details": Hook("tm_claims.details"),
        "task_availability": Hook("tm_claims.details"),
    },
    actions={
        "claim": Action(
            "tm_claims.actions:claim",
            "Take a task, or the next that is ready, for a time",
            "tm_claims.views:claimed",
            writes=True,
        ),
        "renew": Action(
            "tm_claims.actions:renew",
            "Hold a claim for longer",
            "tm_claims.views:renewed",
            writes=True,
        ),
        "release": Action(
            "tm_claims.actions:release",
            "Give a claimed task back",
            "tm_claims.views:released",
            writes=True,
        ),
        "claims": Action(
            "tm_claims.actions:claims", "List who holds what, until when", "tm_claims.views:claims"
        ),
        "run": Action(
            "tm_claims.running:run",
            "Hold a task while a command runs, and record how it ended",
            "tm_claims.views:ran",
            writes=True,
            local=True,
        ),
        "reserve": Action(
            "tm_claims.reservations:reserve",
            "Say which files a task will touch",
            "tm_claims.views:reserved",
            writes=True,
        ),
        "unreserve": Action(
            "tm_claims.reservations:unreserve",
            "Take files off a task's reservations",
            "tm_claims.views:reserved",
            writes=True,
        ),
        "reservations": Action(
            "tm_claims.reservations:reservations",
            "List the files that tasks will touch, and where they overlap",
            "tm_claims.views:reservations",
        ),
    },
    config={
        "ttl_hours": Setting(
            "float",
            4.0,
            "How long a claim holds unless it is renewed: longer than a long call of a tool",
            minimum=0.001,
            maximum=8760,
        ),
        "run_ttl_hours": Setting(
            "float",
            0.25,
            "The same for `tm run`, which renews by itself: so soon its death is noticed",
            minimum=0.001,
            maximum=8760,
        ),
        "others": Setting(
            "str",
            "refuse",
            "What a change of a claimed task's status by somebody else meets",
            choices=("refuse", "warn", "allow"),
        ),
    },
    migrations="migrations",
)
