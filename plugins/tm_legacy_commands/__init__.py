"""Commands of the earlier tool that have another name here, or no longer a purpose."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="legacy-commands",
    summary="The earlier tool's further commands, so that scripts go on",
    actions={
        "hooks report": Action(
            "tm_legacy_commands.hooks:report",
            "List the hooks of features, and failures of handlers",
            "tm_legacy_commands.views:hooks",
            hidden=True,
        ),
        "hooks alerts": Action(
            "tm_legacy_commands.hooks:alerts",
            "List the handlers that fail",
            "tm_legacy_commands.views:alerts",
            hidden=True,
        ),
        "hooks thresholds": Action(
            "tm_legacy_commands.hooks:thresholds",
            "Say that hooks have no thresholds",
            "tm_legacy_commands.views:told",
            hidden=True,
        ),
        "hooks cleanup": Action(
            "tm_legacy_commands.hooks:cleanup",
            "Say that no times of hooks are kept",
            "tm_legacy_commands.views:told",
            hidden=True,
        ),
        "validate-orchestration": Action(
            "tm_legacy_commands.upkeep:validate",
            "Check what features keep, as tm doctor does",
            "tm_legacy_commands.views:findings",
            hidden=True,
        ),
        "fix-orchestration": Action(
            "tm_legacy_commands.upkeep:fix",
            "Check what features keep, and say how to mend it",
            "tm_legacy_commands.views:findings",
            hidden=True,
        ),
        "maintenance": Action(
            "tm_legacy_commands.upkeep:maintain",
            "Give space back, and look at the data for better plans",
            "tm_legacy_commands.views:told",
            hidden=True,
        ),
        "processes": Action(
            "tm_legacy_commands.upkeep:processes",
            "List who has worked here lately",
            "tm_legacy_commands.views:processes",
            hidden=True,
        ),
    },
)
