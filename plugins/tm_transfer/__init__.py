"""Export and import of tasks, so that nobody's tasks are ever locked in, or lost on the way."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="transfer",
    summary="Export and import tasks, with their history",
    actions={
        "export": Action(
            "tm_transfer.actions:export",
            "Write tasks as JSON, JSONL, CSV, TSV or Markdown",
            "tm_transfer.views:exported",
            local=True,
        ),
        "import": Action(
            "tm_transfer.actions:import_",
            "Bring in tasks from an export, from beads, or from any CSV file",
            "tm_transfer.views:imported",
            writes=True,
            local=True,
        ),
    },
)
