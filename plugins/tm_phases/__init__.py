"""Phases: stages of the work, in an order, each left through its gates."""

from tm_core.api import Action, Field, Hook, Plugin

_CREATE = ("tm_phases.actions:create", "Make a phase", "tm_phases.views:created")
_LIST = ("tm_phases.actions:list_phases", "List the phases", "tm_phases.views:listed")
_SHOW = ("tm_phases.actions:show", "Show a phase", "tm_phases.views:shown")
_UPDATE = ("tm_phases.actions:update", "Change a phase", "tm_phases.views:updated")
_NEEDS = (
    "tm_phases.actions:add_dependency",
    "Let a phase come after another",
    "tm_phases.views:updated",
)
_GATE = ("tm_phases.actions:add_gate", "Add a gate to a phase", "tm_phases.views:gated")

plugin = Plugin(
    name="phases",
    summary="Stages of the work, in an order, each left through its gates",
    fields=(
        Field(
            "phase",
            "str",
            on=("add", "update", "list"),
            help="The phase that it belongs to",
            max_length=64,
            indexed=True,
        ),
    ),
    hooks={"task_validate": Hook("tm_phases.hooks", when=("phase",))},
    actions={
        "phases create": Action(*_CREATE, writes=True),
        "phases list": Action(*_LIST),
        "phases show": Action(*_SHOW),
        "phases update": Action(*_UPDATE, writes=True),
        "phases add-dependency": Action(*_NEEDS, writes=True),
        "phases add-gate": Action(*_GATE, writes=True),
        "phases decide": Action(
            "tm_phases.actions:decide",
            "Say whether a gate is passed",
            "tm_phases.views:gated",
            writes=True,
        ),
        # As the earlier tool spelled them.
        "phase-create": Action(*_CREATE, writes=True, hidden=True),
        "phase-list": Action(*_LIST, hidden=True),
        "phase-show": Action(*_SHOW, hidden=True),
        "phase-update": Action(*_UPDATE, writes=True, hidden=True),
        "phase-add-dependency": Action(*_NEEDS, writes=True, hidden=True),
        "phase-add-gate": Action(*_GATE, writes=True, hidden=True),
        # For imports, which know all of a phase.
        "phase-restore": Action(
            "tm_phases.restoring:restore", "Bring in a phase as it was", writes=True, hidden=True
        ),
    },
    migrations="migrations",
)
