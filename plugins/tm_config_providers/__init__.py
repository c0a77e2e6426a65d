"""Configuration providers: settings from files, environments, the store, packages, the web."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="config-providers",
    summary="Settings from further files, variables, the store, packages and the web",
    hooks={
        "config_providers": Hook(
            "tm_config_providers.hooks", settings=("sources", "project_sources")
        ),
        "health_checks": Hook("tm_config_providers.hooks"),
    },
    actions={
        "providers list": Action(
            "tm_config_providers.actions:list_providers",
            "List where settings come from, and what is wrong there",
            "tm_config_providers.views:listed",
        ),
        "providers set": Action(
            "tm_config_providers.actions:set_value",
            "Set a key at one of these sources",
            "tm_config_providers.views:was_set",
            writes=True,
            local=True,
        ),
        "providers unset": Action(
            "tm_config_providers.actions:unset_value",
            "Remove a key at one of these sources",
            "tm_config_providers.views:was_unset",
            writes=True,
            local=True,
        ),
    },
    config={
        "sources": Setting(
            "list", [], "Your own sources of settings, the later wins", personal=True
        ),
        "project_sources": Setting("list", [], "The project's sources, which win over your own"),
        "timeout": Setting(
            "float", 3.0, "Seconds for an answer from the web, in all", minimum=0.1, maximum=30
        ),
        "refresh_minutes": Setting(
            "float", 15.0, "The web is asked no more often than this", minimum=0
        ),
    },
    migrations="migrations",
    enabled=False,
)
