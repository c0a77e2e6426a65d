"""Prime: what an agent should know before it begins, within a budget of tokens."""

from tm_core.api import Action, Plugin, Setting

plugin = Plugin(
    name="prime",
    summary="What an agent should know before it begins, within a budget of tokens",
    actions={
        "prime": Action(
            "tm_prime.actions:prime",
            "Tell an agent what there is to do, in so many tokens",
            "tm_prime.views:printed",
        ),
        "brief": Action(
            "tm_prime.actions:brief",
            "Tell an agent what to know about a task, in so many tokens",
            "tm_prime.views:printed",
        ),
    },
    config={
        "budget": Setting("int", 2000, "Tokens, where no --budget is given", minimum=200),
        "commands": Setting(
            "str",
            'tm show ID | tm progress ID "..." | tm complete ID --validate | tm ready | tm watch',
            "What tm prime says of how to go on",
        ),
    },
)
