import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import Action, Context, InvalidValue, Plugin
from tm_core.testing import Cli, run_readme
from tm_telemetry.capture import TelemetryCapture
from tm_telemetry.count import Count
from tm_telemetry.insights import figures, insights, totals

TODAY = date(2025, 3, 14)


@pytest.fixture
def cli(tm_cli: Cli) -> Cli:
    """A store whose people have opted in."""
    tm_cli("config", "enable", "telemetry")
    return tm_cli


def capture(manager: TaskManager) -> TelemetryCapture:
    return TelemetryCapture(manager.probe())


def give(ctx: Context) -> Context:
    """Give the context."""
    return ctx


PROBE = Plugin("probe", "Gives its context", actions={"probe": Action(give, "Give the context")})


def counted(cli: Cli) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for one in cli("telemetry", "export").json["counts"]:
        key = one["kind"], one["name"], one["outcome"]
        found[key] = found.get(key, 0) + one["times"]
    return found


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_off_until_opted_in(tm_cli: Cli) -> None:
    tm_cli.add("before")
    assert "is disabled" in tm_cli("telemetry", "show", code=8).err
    assert not (tm_cli.folder / ".task-orchestrator/telemetry").exists()
    tm_cli("config", "enable", "telemetry")
    tm_cli("list")
    found = counted(tm_cli)
    assert ("event", "task.created", "ok") not in found  # it was before
    assert found["command", "list", "ok"] == 1
    tm_cli("config", "disable", "telemetry")
    for _ in range(3):
        tm_cli("list")
    tm_cli("config", "enable", "telemetry")
    assert counted(tm_cli)["command", "list", "ok"] == 1  # still there, and nothing added


def test_commands_errors_and_events_are_counted(cli: Cli) -> None:
    task = cli.add("x")
    cli.add("y")
    cli("complete", task)
    cli("show", "ffffffff", code=3)
    cli("show", "ffffffff", code=3)
    cli("nonsense", code=2)
    cli("complete", task, "--nonsense", code=2)
    found = counted(cli)
    assert found["command", "add", "ok"] == 2
    assert found["command", "show", "not_found"] == 2
    assert found["command", "complete", "usage"] == 1
    assert found["event", "task.created", "ok"] == 2
    assert found["event", "task.completed", "ok"] == 1
    assert not any(name == "nonsense" for _, name, _ in found)
    again = counted(cli)  # looking twice counts nothing twice
    assert again == found | {("command", "telemetry export", "ok"): 1}
    shown = cli("telemetry", "show", "--json").json
    assert shown["commands"]["show"]["outcomes"] == {"not_found": 2}
    assert shown["features"]["kernel"] == 6
    assert shown["commands"]["add"]["median_seconds"] > 0


def test_a_command_that_reads_writes_nothing_to_the_store(cli: Cli) -> None:
    cli.add("x")
    other = sqlite3.connect(cli.folder / ".task-orchestrator/tasks.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cli("-c", "store.busy_timeout=0.1", "list")
    other.close()
    assert counted(cli)["command", "list", "ok"] == 1


SECRETS = ["qzv81kfjw", "Übergeheim77", "wxy.zzq88", "vvkp-5512", "kkw_9931", "🦔hedgehog55"]


def test_nothing_that_anybody_typed_is_stored_or_exported(cli: Cli, tm_cli: Cli) -> None:
    one, two, three, four, five, six = SECRETS
    task = cli("--actor", one, "add", two, "-d", three, "--assignee", four).out.strip()
    criteria = json.dumps([{"criterion": five, "measurable": "True"}])
    for command in [
        ["update", task, "--title", six, "--success-criteria", criteria],
        ["update", task, "--priority", one],
        ["progress", task, two, "--percent", "50"],
        ["complete", task, "--summary", three, "--actor", four],
        ["feedback", task, "--quality", "4", "--note", five, "--actor", six],
        ["list", "--where", f"title == '{one}'", "--assignee", two],
        ["show", three],
        [four],
        ["add", f"--{five}"],
        ["-C", six, "list"],
        ["--store", f"{one}.db", "list"],
        ["--store", f"postgresql://{two}:{three}@{four}/x", "list"],
        ["-c", f"{five}={six}", "list"],
        ["-p", one, "list"],
        ["config", "set", two, three],
        ["backup", "create", "--label", four],
        ["telemetry", five],
    ]:
        cli(*command, code=None)
    with TaskManager.open(str(cli.folder), plugins=[PROBE]) as manager:
        told = capture(manager)
        told.capture_event("import.finished", {one: two, "seconds": 1.5, "error": three})
        told.capture_event("import.finished", {"seconds": four})
        event = {"at": "2025-01-01T00:00:00.000000Z", "actor": one, "session": "", "type": five}
        manager.restore({"title": six}, [{**event, "data": {}}])
        manager.restore({"title": six}, [{**event, "type": "secret.qzv81kfjw", "data": {}}])
        with manager.changes.event(two, None, {}):
            pass

    spooled = b"".join(
        path.read_bytes() for path in (cli.folder / ".task-orchestrator/telemetry").iterdir()
    )
    assert b"import.finished" in spooled
    outputs = [cli("telemetry", name).out for name in ("show", "insights", "export")]
    outputs += [cli("telemetry", name, "--json").out for name in ("show", "insights")]
    store = sqlite3.connect(cli.folder / ".task-orchestrator/tasks.db")
    tables = [
        row[0]
        for row in store.execute("SELECT name FROM sqlite_master WHERE name LIKE 'telemetry%'")
    ]
    rows = [store.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables]
    assert sum(map(len, rows)) > 10
    everything = spooled.decode() + "".join(outputs) + repr(rows)
    for secret in [*SECRETS, task, str(cli.folder), "tester"]:
        assert secret not in everything
        assert json.dumps(secret)[1:-1] not in everything


@settings(deadline=None, max_examples=30)
@given(
    event_type=st.text(), data=st.dictionaries(st.text(), st.text() | st.floats() | st.integers())
)
def test_only_what_is_declared_gets_in(
    tmp_path_factory: pytest.TempPathFactory, event_type: str, data: dict[str, Any]
) -> None:
    with TaskManager.open(
        str(tmp_path_factory.mktemp("t")),
        create=True,
        plugins=[PROBE],
        settings=["plugins.enable=telemetry"],
    ) as manager:
        told = capture(manager)
        try:
            told.capture_event(event_type, data)
        except InvalidValue:
            assert told.export_data()["counts"] == []
        told.capture_event("import.finished", {**data, "extra": event_type})
        [*_, one] = [c for c in told.export_data()["counts"] if c["name"] == "import.finished"]
        assert set(one) == set(Count._fields)
        assert one["kind"] == "captured"
        assert one["outcome"] in ("ok", "error")


def test_purge_removes_all(cli: Cli) -> None:
    cli.add("x")
    cli("list")
    counted(cli)
    cli("list")
    assert cli("telemetry", "purge").err.startswith("Removed ")
    assert set(counted(cli)) == {("command", "telemetry purge", "ok")}


def test_old_counts_go(cli: Cli) -> None:
    cli("list")
    counted(cli)
    store = sqlite3.connect(cli.folder / ".task-orchestrator/tasks.db")
    old = (date.today() - timedelta(days=91)).isoformat()
    store.execute("UPDATE telemetry_count SET day = ? WHERE name = 'list'", [old])
    store.commit()
    assert ("command", "list", "ok") not in counted(cli)


def test_broken_notes_are_passed_over(cli: Cli) -> None:
    cli("list")
    spool = cli.folder / ".task-orchestrator/telemetry/commands.jsonl"
    if os.name == "posix":
        assert spool.stat().st_mode & 0o777 == 0o600
    whole = spool.read_bytes()
    spool.write_bytes(b"\xff\n[]\n{}\n[1,2,3,4,5,6,7]\n" + whole + whole[:20])
    assert counted(cli)["command", "list", "ok"] == 1


def test_notes_that_cannot_be_written_are_in_nobodys_way(cli: Cli) -> None:
    shutil.rmtree(cli.folder / ".task-orchestrator/telemetry")
    (cli.folder / ".task-orchestrator/telemetry").write_text("in the way")
    assert cli("list") == (0, "", "No tasks found\n")
    assert ("command", "list", "ok") not in counted(cli)


def test_undo_and_history_know_nothing_of_it(cli: Cli) -> None:
    task = cli.add("x")
    counted(cli)
    cli("undo")
    cli("show", task, code=3)
    assert all(not e["type"].startswith("telemetry") for e in cli("log", "--json").json)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["telemetry", "nonsense"], 2), (["telemetry", "show", "extra"], 2)],
)
def test_bad_input(cli: Cli, arguments: list[str], code: int) -> None:
    assert cli(*arguments, code=code).err
    cli("config", "set", "telemetry.keep_days", "0", code=5)


def test_without_a_store(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    assert cli("-p", "telemetry", "telemetry", "show", code=7).err
    assert list(tm_environ.iterdir()) == []


def runs(
    name: str, count: int, *, outcome: str = "ok", bucket: int = 20, day: date = TODAY
) -> Count:
    return Count(day.isoformat(), "command", "kernel", name, outcome, bucket, count, 0.03 * count)


def test_insights_name_what_stands_out_with_its_numbers() -> None:
    counts = [
        runs("sync", 30),
        runs("sync", 10, outcome="database_busy"),
        runs("report", 25, bucket=48),
        runs("show", 25, outcome="not_found"),
        runs("rare", 5, outcome="unexpected"),
        runs("sync", 100, day=TODAY - timedelta(days=8)),
    ]
    result = insights(counts, least=20, today=TODAY)
    texts = [one["finding"] for one in result["findings"]]
    assert "'report' is slow: one run in twenty takes over 4.096 s" in texts
    assert any(text.startswith("commands are slower") for text in texts)
    assert any(text.startswith("commands are failing more") for text in texts)
    assert not any("rare" in text or "'show'" in text for text in texts)
    assert all("runs" in one or "last_7_days" in one for one in result["findings"])
    assert insights(counts, least=1000, today=TODAY)["findings"] == []
    few = insights([runs("sync", 20, outcome="database")], least=20, today=TODAY)
    assert few["findings"][0]["finding"] == "'sync' fails often: 20 of 20 runs"
    assert insights([], least=1, today=TODAY)["findings"] == []


@given(
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=60), st.integers(min_value=1, max_value=9)),
        min_size=1,
    )
)
def test_quantiles_are_ordered_and_bounded(pairs: list[tuple[int, int]]) -> None:
    counts = [runs("x", count, bucket=bucket) for bucket, count in pairs]
    told = figures(counts)
    slowest = 2 ** (max(bucket for bucket, _ in pairs) / 4) / 1000
    assert 0 < told["median_seconds"] <= told["p95_seconds"] <= slowest + 0.0001
    assert totals(counts)["commands"]["x"]["runs"] == sum(count for _, count in pairs)


def test_the_python_api(tm_open: Callable[..., TaskManager]) -> None:
    manager = tm_open(settings=["plugins.enable=telemetry"])
    manager.add("x")
    assert manager.telemetry_show()["events"] == {"task.created": 1}
    assert manager.telemetry_insights()["findings"] == []
    assert manager.telemetry_export()["format"] == 1
    manager.telemetry_capture("import.finished", seconds=2.5, failed=True)
    assert manager.telemetry_show()["captured"]["import.finished"]["failed"] == 1
    assert manager.telemetry_purge(dry_run=True) == {"removed": 2, "dry_run": True}
    assert manager.telemetry_purge() == {"removed": 2, "dry_run": False}
