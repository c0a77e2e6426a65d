"""One working example of each hook, with the test that proves it.

`$name` is the plugin's name, `$package` its package, `$prefix` what its tables begin with, and
`$title` its name as a class has it.
"""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """What implementing one hook takes."""

    module: str
    """The module that it is in: one for each reason to be imported."""
    code: str
    test: str
    when: tuple[str, ...] = ()
    """For the manifest: what the hook cares for."""
    table: str = ""
    """The SQL of the table that it needs."""


HOOKS: dict[str, Example] = {
    "task_draft": Example(
        "hooks",
        '''
@hookimpl
def task_draft(ctx: Context, draft: Change) -> None:
    """Titles are kept without superfluous blanks."""
    draft.after["title"] = " ".join(draft.after.title.split())
''',
        """
def test_a_title_is_tidied(tm_store: TaskManager) -> None:
    assert tm_store.add(" two   words ").title == "two words"
""",
        ("title",),
    ),
    "task_validate": Example(
        "hooks",
        '''
@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """What is critical is somebody's."""
    if change.after.priority == "critical" and not change.after.assignee:
        yield Problem(
            "a critical task needs an assignee",
            field="assignee",
            overridable=True,
            hint="--assignee WHO",
        )
''',
        """
def test_a_critical_task_needs_an_assignee(tm_store: TaskManager) -> None:
    with pytest.raises(ValidationError, match="needs an assignee"):
        tm_store.add("Urgent", priority="critical")
    assert tm_store.add("Urgent", priority="critical", assignee="ann").assignee == "ann"
""",
        ("priority", "assignee"),
    ),
    "task_refused": Example(
        "hooks",
        '''
@hookimpl
def task_refused(ctx: Context, change: Change, problems: Sequence[Problem]) -> None:
    """Keep for the record what stood in a completion's way."""
    if change.completes:
        with ctx.event("$name.refused", change.after.id, why=[each.message for each in problems]):
            pass
''',
        """
def test_a_refused_completion_is_on_record(tm_store: TaskManager) -> None:
    task = tm_store.add("Reviewed", success_criteria=["somebody has looked at it"])
    with pytest.raises(ValidationError):
        tm_store.complete(task.id, validate=True)
    (event,) = tm_store.log(task.id, event_type="$name.refused")
    assert "somebody has looked" in event["data"]["why"][0]
""",
    ),
    "task_write": Example(
        "hooks",
        '''
@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Count how often each task was changed."""
    key = {"task_id": change.after.id}
    rows = ctx.query("SELECT changes FROM ${prefix}count WHERE task_id = ?", [change.after.id])
    ctx.put("${prefix}count", key, {"changes": rows[0]["changes"] + 1 if rows else 1})
''',
        """
def test_changes_are_counted(tm_store: TaskManager) -> None:
    task = tm_store.add("Counted")
    tm_store.update(task.id, title="Changed")
    rows = tm_store.database.query("SELECT changes FROM ${prefix}count")
    assert [row["changes"] for row in rows] == [2]
""",
        table="""
CREATE TABLE ${prefix}count (
    task_id TEXT PRIMARY KEY NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    changes BIGINT NOT NULL
);
""",
    ),
    "task_undone": Example(
        "hooks",
        '''
@hookimpl
def task_undone(ctx: Context, changes: Sequence[Change]) -> None:
    """Tell which tasks an undo put back."""
    for change in changes:
        ctx.warn(f"'{change.after.title}' is as it was before")
''',
        """
def test_an_undo_is_told(tm_open: Callable[..., TaskManager]) -> None:
    said: list[str] = []
    tm = tm_open(report=said.append)
    task = tm.add("Before")
    tm.update(task.id, title="After")
    tm.undo()
    assert "'Before' is as it was before" in said
""",
    ),
    "task_details": Example(
        "hooks",
        '''
@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """How many words each title has. Called once for many tasks."""
    return {"${prefix}words": {task.id: len(task.title.split()) for task in tasks}}
''',
        """
def test_the_words_of_a_title_are_told(tm_store: TaskManager) -> None:
    task = tm_store.add("three words here")
    assert tm_store.get(task.id).as_dict()["${prefix}words"] == 3
""",
    ),
    "criterion_validators": Example(
        "criteria",
        '''
class ${title}Described:
    """Judges each criterion that names it: `"validator": "$name-described"`."""

    def get_name(self) -> str:
        """The name that a criterion gives as its `validator`."""
        return "$name-described"

    def validate(self, criterion: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        """Whether the task has a description; `context` has all fields of the task."""
        return bool(context.get("description"))


@hookimpl
def criterion_validators(ctx: Context) -> Iterable[Validator]:
    """The strategies that criteria may name."""
    return [${title}Described()]
''',
        """
def test_a_criterion_may_ask_for_a_description(tm_host: Callable[..., Any]) -> None:
    host = tm_host(only=["$name"])
    (found,) = host.implementations("criterion_validators")
    (strategy,) = host.invoke(found, ctx=None)
    assert strategy.get_name() == "$name-described"
    assert strategy.validate({}, {"description": "All there is to say"})
    assert not strategy.validate({}, {"description": None})
""",
    ),
    "evidence": Example(
        "measurements",
        '''
@hookimpl
def evidence(ctx: Context, task: Task, sources: Sequence[str]) -> dict[str, Any]:
    """Facts that criteria may name: here `$ident.files`. May read files and run programs."""
    return {"$ident": {"files": len(os.listdir(ctx.project))}}
''',
        """
def test_files_are_counted(tm_store: TaskManager, tm_environ: Path) -> None:
    task = tm_store.add("Measured")
    before = tm_store.gather_evidence(task, options={})["$ident"]["files"]
    (tm_environ / "one_more.txt").touch()
    assert tm_store.gather_evidence(task, options={})["$ident"]["files"] == before + 1
""",
    ),
    "metric_calculators": Example(
        "metrics",
        '''
class ${title}Metric:
    """How many open tasks there are, and how many of them nobody has."""

    name = "$name"

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Figures by name; `measure` heeds the period and the groups that are asked for."""
        return tasks.measure(
            "count(*) AS open, count(task.assignee) AS assigned",
            lambda row: {"open": row["open"], "unassigned": row["open"] - row["assigned"]},
            where="task.status IN ('pending', 'in_progress', 'blocked')",
            at="task.created_at",
        )


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """The measures that `tm metrics` shows."""
    return [${title}Metric()]
''',
        """
def test_open_tasks_are_measured(tm_cli: Cli) -> None:
    tm_cli.add("Nobody's")
    tm_cli.add("Somebody's", "--assignee", "ann")
    tm_cli("complete", tm_cli.add("Done"))
    figures = tm_cli("metrics", "$name", "--json").json["$name"]
    assert figures == {"open": 2, "unassigned": 1}
""",
    ),
    "event_handlers": Example(
        "handlers",
        '''
class ${title}Handler:
    """Writes a line about each completed task to a file beside the store."""

    name = "$name"
    pattern = "task.completed"

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "$name.log")

    def handle(self, event: Event) -> None:
        """Called after the commit; an event may come again, for instance after a crash."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{event['at']} {event['actor']} completed {event['task_id']}\\n")


@hookimpl
def event_handlers(ctx: Context) -> Iterable[Handler]:
    """The observers of what happens."""
    return [${title}Handler(ctx.folder)]
''',
        """
def test_a_completion_is_written_down(tm_store: TaskManager, tm_environ: Path) -> None:
    task = tm_store.add("Written down")
    tm_store.complete(task.id)
    text = (tm_environ / ".task-orchestrator" / "$name.log").read_text(encoding="utf-8")
    assert text.endswith(f"tester completed {task.id}\\n")
""",
        ("task.completed",),
    ),
    "config_providers": Example(
        "providers",
        '''
class ${title}Provider:
    """Settings from `$name.json` in the project's folder, where there is one."""

    name = "$name"

    def __init__(self, project: str) -> None:
        self.path = os.path.join(project, "$name.json")

    def get_config(self) -> Mapping[str, Any]:
        """Nested settings, as a configuration file holds them."""
        if not os.path.exists(self.path):
            return {}
        with open(self.path, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        return found

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Keep settings at the source."""
        raise UsageError(f"{self.path} is changed by hand only")


@hookimpl
def config_providers(ctx: Context) -> Iterable[ConfigProvider]:
    """Further sources of configuration."""
    return [${title}Provider(ctx.project)]
''',
        """
def test_settings_come_from_a_file(tm_open: Callable[..., TaskManager], tm_environ: Path) -> None:
    (tm_environ / "$name.json").write_text('{"list": {"limit": 7}}', encoding="utf-8")
    assert tm_open().workspace.config.get("list.limit") == 7
""",
    ),
    "health_checks": Example(
        "health",
        '''
@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """What `tm doctor` shows of this plugin."""
    count = len(ctx.find("assignee is None", status=("pending", "in_progress", "blocked")))
    level = "warning" if count > 100 else "ok"
    yield Finding(level, "$name", f"{count} open task(s) without an assignee")
''',
        """
def test_the_doctor_tells_of_tasks_that_nobody_has(tm_store: TaskManager) -> None:
    tm_store.add("Nobody's")
    findings = [finding for finding in tm_store.health() if finding.subject == "$name"]
    assert [finding.level for finding in findings] == ["ok"]
    assert findings[0].message.startswith("1 open task")
""",
    ),
}

NOTE_TABLE = """
CREATE TABLE ${prefix}note (
    task_id TEXT PRIMARY KEY NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    text TEXT NOT NULL
);
"""

NOTE_ACTIONS = '''
def note(
    ctx: Context, task: TaskId, text: Annotated[str, Param("What is to be remembered")]
) -> dict[str, Any]:
    """Keep a note about a task, in a table of this plugin; an empty text takes it away."""
    with ctx.event("$ident.noted", task, text=text):
        ctx.put("${prefix}note", {"task_id": task}, {"text": text} if text else None)
    return {"task": task, "note": text}


def notes(ctx: Context) -> list[dict[str, Any]]:
    """List the notes."""
    return ctx.query("SELECT task_id, text FROM ${prefix}note ORDER BY task_id")
'''

NOTE_TEST = """
def test_a_note_is_kept_and_taken_back(tm_cli: Cli) -> None:
    task_id = tm_cli.add("Noted")
    tm_cli("$name", "note", task_id, "Ask ann")
    assert tm_cli("$name", "notes", "--json").json == [{"task_id": task_id, "text": "Ask ann"}]
    tm_cli("undo")
    assert tm_cli("$name", "notes", "--json").json == []
"""

ACTION = '''
def $function(
    ctx: Context,
    *,
    assignee: Annotated[str, Param("Only the tasks of this person")] = "",
) -> list[Load]:
    """Count the open tasks of each person."""
    counts: dict[str, int] = {}
    for task in ctx.find(status=OPEN):
        person = task.assignee or "nobody"
        if assignee in ("", person):
            counts[person] = counts.get(person, 0) + 1
    return [Load(person, counts[person]) for person in sorted(counts)]
'''

ACTION_ROW = '''
class Load(NamedTuple):
    """The open tasks of one person."""

    person: str
    tasks: int
'''

ACTION_VIEW = '''
def counted(rows: Sequence[Load], out: Output) -> None:
    """Text for a person; `--json` gives the rows themselves."""
    if not rows:
        out.say("No open tasks")
    out.table(["person", "tasks"], rows)
'''

ACTION_TEST = """
def test_$test_name(tm_cli: Cli) -> None:
    tm_cli.add("One", "--assignee", "ann")
    tm_cli.add("Two")
    assert tm_cli($words).out == "ann\\t1\\nnobody\\t1\\n"
    of_ann = tm_cli($words, "--assignee", "ann", "--json").json
    assert of_ann == [{"person": "ann", "tasks": 1}]
"""

FIELD_TEST = """
def test_a_task_has_a_$field(tm_store: TaskManager) -> None:
    value = $value
    task = tm_store.add("With it", $field=value)
    assert tm_store.get(task.id)["$field"] == value
    assert tm_store.add("Without it")["$field"] is None
"""

FIELD_VALUES = {
    "str": '"some text"',
    "int": "3",
    "float": "1.5",
    "bool": "True",
    "datetime": '"2031-05-06T07:08:09.000000Z"',
    "duration": "1.5",
    "list": '["one", "two"]',
    "json": '{"key": "value"}',
}
