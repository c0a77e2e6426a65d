"""Trust: what this machine may run because its user approved exactly that."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="trust",
    summary="What you allowed to run on this machine",
    commands={"trust": Command("tm_trust.command:trust", "List and approve what may run here")},
)
