"""Carries the tasks of the tool that was used before over into a store, with nothing lost."""

from tm_core.api import Command, Hook, Plugin

plugin = Plugin(
    name="legacy-import",
    summary="Carry over the tasks of the earlier task tool",
    hooks={"foreign_store": Hook("tm_legacy_import.recognition")},
    commands={
        "import-legacy": Command(
            "tm_legacy_import.command:import_legacy",
            "Carry over what the earlier task tool keeps here",
        )
    },
    essential=True,
)
