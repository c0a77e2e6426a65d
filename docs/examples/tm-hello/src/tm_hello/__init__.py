"""A greeting, and what waits for you."""

from tm_core.api import Action, Plugin, Setting

plugin = Plugin(
    name="hello",
    summary="A greeting, and what waits for you",
    actions={
        "hello": Action(
            "tm_hello.actions:hello",
            "Greet, and tell what waits for you",
            "tm_hello.views:told",
        ),
    },
    config={
        "greeting": Setting("str", "Hello", "The word that it greets with"),
    },
)
