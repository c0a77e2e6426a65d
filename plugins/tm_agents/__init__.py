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
        "agents metrics": Action(
            "tm_agents.performance:performance",
            "Show what each did in a period",
            "tm_agents.views:measured",
        ),
        "agents message": Action(
            "tm_agents.messages:message",
            "Tell an agent, or all, something that belongs to no task",
            "tm_agents.views:sent",
            writes=True,
        ),
        "agents redistribute": Action(
            "tm_agents.redistribution:redistribute",
            "Move pending tasks from those with too much to those with room",
            "tm_agents.views:moved",
            writes=True,
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
        "agent-metrics": Action(
            "tm_agents.performance:performance",
            "Show what each did in a period",
            "tm_agents.views:measured",
            hidden=True,
        ),
        "agent-message": Action(
            "tm_agents.messages:message_from",
            "Tell an agent, or all, something in the name of another",
            "tm_agents.views:sent",
            writes=True,
            hidden=True,
        ),
        "agent-redistribute": Action(
            "tm_agents.redistribution:redistribute",
            "Move pending tasks from those with too much to those with room",
            "tm_agents.views:moved",
            writes=True,
            hidden=True,
        ),
    },
    config={
        "full_tasks": Setting("int", 10, "Open tasks that are a full load", minimum=1),
        "full_hours": Setting(
            "float", 40.0, "Estimated hours of open tasks that are a full load", minimum=0.1
        ),
        "too_much": Setting(
            "float",
            80.0,
            "Load in percent above which agents redistribute takes work away",
            minimum=0,
        ),
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
