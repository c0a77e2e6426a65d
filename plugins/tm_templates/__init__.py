"""Templates: groups of tasks that come again and again, with variables."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="templates",
    summary="Groups of tasks that come again and again, with variables",
    actions={
        "template list": Action(
            "tm_templates.actions:list_templates", "List the templates", "tm_templates.views:listed"
        ),
        "template show": Action(
            "tm_templates.actions:show",
            "Show a template's variables and tasks",
            "tm_templates.views:shown",
        ),
        "template apply": Action(
            "tm_templates.actions:apply",
            "Add the tasks of a template",
            "tm_templates.views:applied",
            writes=True,
        ),
        "template create": Action(
            "tm_templates.actions:create",
            "Make a template from tasks",
            "tm_templates.views:created",
            writes=True,
        ),
        "template validate": Action(
            "tm_templates.actions:validate",
            "Check templates, by name or file",
            "tm_templates.views:validated",
            local=True,
        ),
    },
)
