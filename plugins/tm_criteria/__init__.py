"""Success criteria: what "done" means, written down, and checked when a task is completed."""

from tm_core.api import Action, Field, Hook, Plugin, Setting

plugin = Plugin(
    name="success-criteria",
    summary="What done means, as criteria that are measured or confirmed",
    fields=(
        Field(
            "success_criteria",
            "json",
            help='A list such as [{"criterion": "well tested", "measurable": "coverage >= 80"}]',
            options=("--criteria",),
        ),
        Field(
            "validate",
            "bool",
            on=("complete",),
            stored=False,
            help="Refuse while a success criterion is not met",
            default_setting="always_validate",
        ),
        Field(
            "measurements",
            "list",
            on=("complete",),
            stored=False,
            help="A value for the criteria, NAME=VALUE; validates. May be repeated",
            options=("--set",),
        ),
    ),
    hooks={
        "task_validate": Hook(
            "tm_criteria.hooks", when=("success_criteria", "validate", "measurements", "evidence")
        ),
        "task_refused": Hook("tm_criteria.hooks", when=("validate", "measurements", "evidence")),
        "task_write": Hook("tm_criteria.parts", when=("criteria_confirmations",)),
        "task_details": Hook("tm_criteria.parts"),
    },
    actions={
        "criteria list": Action(
            "tm_criteria.actions:list_criteria",
            "List a task's criteria",
            "tm_criteria.views:listed",
        ),
        "criteria check": Action(
            "tm_criteria.actions:check",
            "Check the criteria without completing",
            "tm_criteria.views:checked",
        ),
        "criteria recheck": Action(
            "tm_criteria.rechecking:recheck",
            "Tell which completed tasks no longer meet their criteria",
            "tm_criteria.views:rechecked",
        ),
        "criteria confirm": Action(
            "tm_criteria.actions:confirm",
            "Confirm a criterion that nothing measures",
            "tm_criteria.views:confirmed",
            writes=True,
        ),
        "criteria unconfirm": Action(
            "tm_criteria.actions:unconfirm",
            "Take a confirmation back",
            "tm_criteria.views:unconfirmed",
            writes=True,
        ),
    },
    config={
        "always_validate": Setting("bool", False, "Validate every completion, asked for or not"),
        "recommended_maximum": Setting(
            "int", 10, "Warn when a task is given more criteria", minimum=0
        ),
    },
    migrations="migrations",
)
