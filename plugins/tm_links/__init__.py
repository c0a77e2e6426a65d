"""Links to tasks in other stores, which fail loudly when they are not there."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="links",
    summary="Links to tasks in other stores, and waiting for them",
    hooks={
        "task_draft": Hook("tm_links.hooks", when=("depends_on",)),
        "task_validate": Hook("tm_links.hooks", when=("status.changed",)),
        "task_write": Hook("tm_links.hooks", when=("links", "depends_on")),
        "task_details": Hook("tm_links.hooks"),
    },
    actions={
        "link": Action(
            "tm_links.actions:link",
            "Link a task to tasks in other stores: ALIAS:ID, or STORE#ID",
            "tm_links.views:linked",
            writes=True,
            local=True,
        ),
        "unlink": Action(
            "tm_links.actions:unlink",
            "Take links away",
            "tm_links.views:linked",
            writes=True,
        ),
        "links": Action(
            "tm_links.actions:links",
            "List the links to other stores; exit code 5 when one leads nowhere",
            "tm_links.views:links",
            writes=True,
        ),
    },
    config={
        "stores": Setting(
            "dict", {}, "Other stores by alias: a project folder, a .db file or a URL"
        ),
    },
    migrations="migrations",
)
