"""Backups: compressed copies of the whole store, verified, kept by a rule, and restored safely."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="backup",
    summary="Copies of the store: compressed, verified, kept by a rule, restored safely",
    hooks={"health_checks": Hook("tm_backup.hooks")},
    actions={
        "backup create": Action(
            "tm_backup.actions:create", "Back the store up", "tm_backup.views:created"
        ),
        "backup list": Action(
            "tm_backup.actions:list_backups",
            "List backups, newest first",
            "tm_backup.views:listed",
            needs_store=False,
        ),
        "backup verify": Action(
            "tm_backup.actions:verify",
            "Read backups and check what is in them",
            "tm_backup.views:verified",
            needs_store=False,
        ),
        "backup restore": Action(
            "tm_backup.actions:restore",
            "Bring the store back to a backup",
            "tm_backup.views:restored",
            needs_store=False,
        ),
    },
    config={
        "keep_last": Setting("int", 10, "So many of the newest are always kept", minimum=1),
        "keep_days": Setting("int", 30, "Younger ones are kept, too", minimum=0),
        "warn_days": Setting(
            "int", 7, "tm doctor warns when unsaved work is older; 0: never", minimum=0
        ),
    },
)
