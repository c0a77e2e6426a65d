"""How a verification looks."""

from __future__ import annotations

from tm_core.api import Output, visible

from .actions import Verification


def verified(result: Verification, out: Output) -> None:
    """A line for each difference, and a sentence about all."""
    for difference in result.differences:
        out.data(f"{out.style(difference.kind, 'red')}\t{visible(difference.message)}")
    if result.found > len(result.differences):
        out.say(f"{result.found - len(result.differences)} more: --limit 0 tells all")
    out.say(
        f"{result.events} events, {result.tasks} tasks and {result.rows} rows of features compared"
    )
    if result.unlinked:
        number = "1 event is" if result.unlinked == 1 else f"{result.unlinked} events are"
        out.say(f"{number} from before digests were kept")
    if result.anchor is not None:
        state = {
            "made": "made; keep it where others would see a change, such as in version control",
            "not made": "not made, since something differs",
            "kept": f"holds: nothing up to event {result.anchor['seq']} was changed since",
            "renewed": f"renewed; it vouches for everything up to event {result.seq}",
        }[str(result.anchor["state"])]
        if not (result.found and result.anchor["state"] == "kept"):
            out.say(f"Anchor {visible(result.anchor['file'])} {state}")
    if not result.found:
        out.say("The store is what was written")
