"""The store's schema from outside: what is applied, what is pending, and how it is taken back."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="schema-migrations",
    summary="The store's schema: what is applied and pending; applying it, and taking it back",
    commands={
        "migrate": Command(
            "tm_migrations.commands:migrate", "Bring the store's schema up to date, or back"
        )
    },
    essential=True,
)
