"""What tags may be, and how adding and removing them changes a task."""

from __future__ import annotations

from collections.abc import Iterable

from tm_core.api import Change, Context, Problem, ValidationError, hookimpl, visible


@hookimpl
def task_draft(ctx: Context, draft: Change) -> None:
    """Work out the tags from those that the task has in this very transaction.

    So tags that two processes add at the same time are both there afterwards.
    """
    added = draft.options.get("add_tags") or []
    removed = draft.options.get("remove_tags") or []
    both = [tag for tag in added if tag in removed]
    if both:
        raise ValidationError(f"the tag '{both[0]}' is both added and removed", "choose one")
    tags = draft.after["tags"] or []
    missing = [tag for tag in removed if tag not in tags]
    if missing:
        ctx.warn(f"task {draft.after.id} has no tag {', '.join(map(repr, missing))}")
    kept = dict.fromkeys(tag for tag in [*tags, *added] if tag not in removed)
    draft.after["tags"] = list(kept) or None  # one way to say "none", for filters


@hookimpl
def task_validate(change: Change) -> Iterable[Problem]:
    """A tag is one word, so that lists of tags can be written and read without quoting."""
    known = (change.before["tags"] if change.before is not None else None) or []
    for tag in change.after["tags"] or []:
        fault = fault_of(tag)
        if fault and tag not in known:
            yield Problem(
                f"the tag '{visible(tag)}' has {fault}",
                field="tags",
                hint="a tag is one word, such as ui or needs-review",
            )


def fault_of(tag: str) -> str:
    """What a tag holds that it must not; empty when nothing."""
    if any(character.isspace() for character in tag):
        return "a space"
    if "," in tag:
        return "a comma"
    return "a control character" if visible(tag) != tag else ""
