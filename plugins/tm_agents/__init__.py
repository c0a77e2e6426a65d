"""Agents: who works here, what they can do, and how much they have to do, from what they did."""

from tm_core.api import Action, Plugin, Setting

plugin = Plugin(
    name="agents",
    summary="Who works here, and how much each has to do",
    actions={
        "agents register": Action(
            "tm_agents.actions:register",
            "Make an agent known, or change what is known",
            "tm_agents.views:registered",
            writes=True,
        ),
        "agents list": Action(
            "tm_agents.actions:list_agents", "List registered agents", "tm_agents.views:listed"
        ),
        "agents status": Action(
            "tm_agents.actions:status", "Show what agents are doing", "tm_agents.views:stated"
        ),
        "agents workload": Action(
            "tm_agents.actions:workload",
            "Show how much each has to do",
            "tm_agents.views:loaded",
        ),
        # As the earlier tool spelled them.
        "agent-register": Action(
            "tm_agents.actions:register",
            "Make an agent known, or change what is known",
            "tm_agents.views:registered",
            writes=True,
            hidden=True,
        ),
        "agent-list": Action(
            "tm_agents.actions:list_agents",
            "List registered agents",
            "tm_agents.views:listed",
            hidden=True,
        ),
        "agent-status": Action(
            "tm_agents.actions:status",
            "Show what agents are doing",
            "tm_agents.views:stated",
            hidden=True,
        ),
        "agent-workload": Action(
            "tm_agents.actions:workload",
            "Show how much each has to do",
            "tm_agents.views:loaded",
            hidden=True,
        ),
    },
    config={
        "idle_after_minutes": Setting(
            "float",
            60.0,
            "Minutes without a word after which an agent is idle",
            minimum=0,
            maximum=525600,
        ),
    },
    migrations="migrations",
)
