"""Criteria judged by what was measured: test reports, coverage, findings, figures and git facts."""

from tm_core.api import Field, Hook, Plugin, Setting

plugin = Plugin(
    name="evidence",
    summary="Criteria judged by what was measured, not by what was claimed",
    fields=(
        Field(
            "evidence",
            "list",
            on=("complete",),
            help="A report to read names from: FILE, or NAME=FILE; may be repeated",
            stored=False,
        ),
    ),
    hooks={"evidence": Hook("tm_evidence.hooks", when=("evidence", "validate", "measurements"))},
    config={
        "files": Setting("list", [], "Reports to read besides those given: globs, or NAME=GLOB"),
        "git": Setting(
            "bool", True, "Whether the facts git.clean, git.branch, git.commit are read"
        ),
        "max_bytes": Setting("int", 50_000_000, "Largest report that is read", minimum=1),
        "allow_outside": Setting("bool", False, "Whether a report may lie outside the project"),
    },
)
