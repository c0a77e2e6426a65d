import json
import os
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tm_backup.compressed import decompress
from tm_core import TaskManager
from tm_core.api import NotFound
from tm_core.testing import Cli, run_readme


def folder(tm_cli: Cli) -> Path:
    return tm_cli.folder / ".task-orchestrator/backups"


def create(tm_cli: Cli, *arguments: str) -> str:
    return tm_cli("backup", "create", *arguments).out.strip()


def file_of(tm_cli: Cli, name: str) -> Path:
    return folder(tm_cli) / f"{name}.db.zst"


def with_header(path: Path, **changes: object) -> None:
    """Say something else in a backup's header."""
    data = path.read_bytes()
    length = struct.unpack_from("<II", data)[1]
    header = json.loads(data[8 : 8 + length]) | changes
    frame = json.dumps(header).encode()
    path.write_bytes(struct.pack("<II", 0x184D2A50, len(frame)) + frame + data[8 + length :])


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_backup_is_private_whole_and_readable_without_us(tm_cli: Cli, tmp_path: Path) -> None:
    task = tm_cli.add("x")
    result = tm_cli("backup", "create", "--label", "v1.0", "--json").json
    assert (result["kind"], result["tasks"], result["last_event"]) == ("v1.0", 1, 1)
    path = file_of(tm_cli, result["name"])
    assert [path] == list(folder(tm_cli).iterdir())  # nothing is left beside it
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert folder(tm_cli).stat().st_mode & 0o777 == 0o700
    plain = tmp_path / "plain.db"
    with open(path, "rb") as source, open(plain, "wb") as target:
        for piece in decompress(source):
            target.write(piece)
    assert sqlite3.connect(plain).execute("SELECT id FROM task").fetchall() == [(task,)]


def test_restore_brings_everything_back_and_can_be_taken_back(tm_cli: Cli) -> None:
    first = tm_cli.add("first", "--estimated-hours", "2")
    name = create(tm_cli)
    second = tm_cli.add("second")
    tm_cli("update", first, "--title", "changed")

    assert "is sound: 1 task(s)" in tm_cli("backup", "restore", name, "--dry-run").err
    assert tm_cli.show(second)
    done = tm_cli("backup", "restore", name, "--json").json
    assert tm_cli.show(first)["title"] == "first"
    tm_cli("show", second, code=3)
    event = tm_cli("log", "--json").json[0]
    assert (event["type"], event["data"]["backup"]) == ("store.restored", name)
    assert event["seq"] > 3  # numbers that were given are not given again

    tm_cli("backup", "restore", done["saved"])
    assert tm_cli.show(second)["title"] == "second"
    assert tm_cli.show(first)["title"] == "changed"
    assert tm_cli("log", "--json").json[0]["seq"] > event["seq"]


def test_open_connections_see_what_was_restored(tm_open: Callable[..., TaskManager]) -> None:
    one, other = tm_open(), tm_open()
    kept = one.add("kept")
    name = one.backup_create()["name"]
    lost = one.add("lost")
    assert other.get(lost.id)
    one.backup_restore(name)
    with pytest.raises(NotFound):
        other.get(lost.id)
    other.update(kept.id, title="goes on")
    assert one.get(kept.id).title == "goes on"
    assert one.database.check() == []


def test_writers_go_on_while_backups_are_made_and_restored(tm_cli: Cli) -> None:
    script = (
        "import sys\nfrom tm_core import TaskManager\n"
        "with TaskManager.open(sys.argv[1]) as tm:\n"
        "    for n in range(150): tm.add(f'task {n}')\n"
    )
    first = create(tm_cli)
    writer = subprocess.Popen([sys.executable, "-c", script, str(tm_cli.folder)])
    names = [create(tm_cli) for _ in range(3)]
    tm_cli("backup", "restore", first)
    assert writer.wait() == 0
    assert all(one["sound"] for one in tm_cli("backup", "verify", "--json").json)
    assert len(names) == 3
    assert "structure sound" in tm_cli("doctor").out


def test_restore_waits_no_longer_than_the_busy_timeout(tm_cli: Cli) -> None:
    name = create(tm_cli)
    other = sqlite3.connect(tm_cli.folder / ".task-orchestrator/tasks.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    arguments = ["-c", "store.busy_timeout=0.2", "backup", "restore", name]
    assert "busy" in tm_cli(*arguments, code=4).err
    other.execute("ROLLBACK")
    tm_cli(*arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "--label", "../evil"], 5, "a label has"),
        (["create", "--label", ""], 5, "a label has"),
        (["create", "--label", "x" * 41], 5, "a label has"),
        (["create", "--bogus"], 2, "no option"),
        (["verify"], 3, "no backup yet (tm backup create)"),
        (["verify", "nothing"], 3, "no backup 'nothing'"),
        (["restore"], 2, "needs NAME"),
        (["restore", ""], 3, "no backup ''"),
        (["restore", "../tasks"], 3, "no backup '../tasks'"),
        (["restore", "\x1b[31m"], 3, "no backup"),
    ],
)
def test_bad_input(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    result = tm_cli("backup", *arguments, code=code)
    assert said in result.err
    assert "\x1b" not in result.err
    assert not folder(tm_cli).exists() or list(folder(tm_cli).iterdir()) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "header", "grow", "count", "bomb"])
def test_a_damaged_backup_is_found_and_refused(tm_cli: Cli, damage: str) -> None:
    task = tm_cli.add("x")
    name = create(tm_cli)
    path = file_of(tm_cli, name)
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[-40] ^= 0xFF
    elif damage == "cut":
        del data[-100:]
    elif damage == "empty":
        data.clear()
    elif damage == "header":
        data[20] ^= 0xFF
    path.write_bytes(bytes(data))
    if damage in ("grow", "bomb"):
        with_header(path, bytes=100 if damage == "bomb" else 10**9)
    elif damage == "count":
        with_header(path, tasks=2)
    result = tm_cli("backup", "verify", code=4)
    assert result.out.startswith(f"DAMAGED\t{name}\t")
    assert "damaged" in tm_cli("backup", "restore", name, code=4).err
    assert tm_cli.show(task)
    assert [entry.name for entry in folder(tm_cli).iterdir()] == [path.name]
    tm_cli("backup", "list")


def test_a_backup_of_a_newer_version_is_refused(tm_cli: Cli) -> None:
    store = sqlite3.connect(tm_cli.folder / ".task-orchestrator/tasks.db")
    store.execute("INSERT INTO migration VALUES ('kernel', '9999_future.sql', '2030')")
    store.commit()
    name = create(tm_cli, "--label", "newer")
    store.execute("DELETE FROM migration WHERE name = '9999_future.sql'")
    store.commit()
    task = tm_cli.add("x")
    assert "newer version" in tm_cli("backup", "restore", name, code=4).err
    assert "newer version" in tm_cli("backup", "verify").out
    assert tm_cli.show(task)


@pytest.mark.parametrize("damage", ["garbage", "page"])
def test_a_damaged_store_is_moved_aside(tm_cli: Cli, damage: str) -> None:
    task = tm_cli.add("x")
    name = create(tm_cli)
    path = tm_cli.folder / ".task-orchestrator/tasks.db"
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    broken = b"no database" * 1000
    if damage == "page":
        whole = path.read_bytes()
        broken = whole[:4096] + b"x" * (len(whole) - 4096)
    path.write_bytes(broken)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    assert "not a usable task store" in tm_cli("list", code=4).err
    assert "not a usable task store" in tm_cli("backup", "create", code=4).err
    done = tm_cli("backup", "restore", name, "--json").json
    assert Path(done["moved_aside"]).read_bytes() == broken
    assert tm_cli.show(task)
    assert tm_cli("log", "--json").json[0]["type"] == "store.restored"


def test_copies_of_the_kernel_are_backups_too(tm_cli: Cli) -> None:
    tm_cli("config", "disable", "feedback")
    os.remove(tm_cli.folder / ".task-orchestrator/tasks.db")
    tm_cli("init")
    task = tm_cli.add("x")
    tm_cli("config", "enable", "feedback")
    tm_cli("delete", task)  # migrates, after a copy
    [copy] = tm_cli("backup", "list", "--json").json
    assert copy["kind"] == "before-migration"
    assert tm_cli("backup", "verify").out.startswith("sound")
    tm_cli("backup", "restore", copy["name"])
    assert tm_cli.show(task)["status"] == "pending"
    # The rule is for them, too.
    plain = folder(tm_cli) / f"{copy['name']}.db"
    plain.rename(folder(tm_cli) / "20200101T000000Z-before-migration-77.db")
    tm_cli("config", "set", "backup.keep_last", "1")
    create(tm_cli)
    left = tm_cli("backup", "list", "--json").json
    assert sorted(one["kind"] for one in left) == ["backup", "before-migration", "before-restore"]
    assert min(one["made_at"] for one in left) > "2021"


def test_an_older_schema_is_brought_up_to_date(tm_cli: Cli) -> None:
    tm_cli("config", "disable", "feedback")
    os.remove(tm_cli.folder / ".task-orchestrator/tasks.db")
    tm_cli("init")
    task = tm_cli.add("x")
    name = create(tm_cli)
    tm_cli("config", "enable", "feedback")
    tm_cli("complete", task)
    tm_cli("backup", "restore", name)
    tm_cli("complete", task)
    tm_cli("feedback", task, "--quality", "3")


def aged(path: Path, days: int) -> None:
    old = time.time() - days * 86400
    with_header(path, made_at=time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(old)))
    os.utime(path, (old, old))


def test_old_backups_go_by_the_rule_and_only_ours(tm_cli: Cli) -> None:
    tm_cli("config", "set", "backup.keep_last", "2")
    tm_cli("config", "set", "backup.keep_days", "5")
    names = [create(tm_cli, "--label", f"n{n}") for n in range(5)]
    for name, days in zip(names, [40, 30, 20, 10, 3], strict=True):
        aged(file_of(tm_cli, name), days)
    others = ["notes.txt", "mine.db", "20200101T000000Z-fake-0000.db.zst"]
    for other in others:
        (folder(tm_cli) / other).write_text("mine")
        os.utime(folder(tm_cli) / other, (0, 0))
    dry = tm_cli("backup", "create", "--dry-run", "--json").json
    assert sorted(dry["removed"]) == sorted(names[:4])
    assert file_of(tm_cli, names[0]).exists()
    made = tm_cli("backup", "create", "--json").json
    assert sorted(made["removed"]) == sorted(names[:4])
    left = {path.name for path in folder(tm_cli).iterdir()}
    assert left == {*others, f"{names[4]}.db.zst", f"{made['name']}.db.zst"}
    assert "no whole backup" in tm_cli("doctor").out


def test_the_newest_is_never_removed(tm_cli: Cli) -> None:
    tm_cli("config", "set", "backup.keep_last", "1")
    tm_cli("config", "set", "backup.keep_days", "0")
    old, new = create(tm_cli), create(tm_cli)
    assert [one["name"] for one in tm_cli("backup", "list", "--json").json] == [new]
    assert not file_of(tm_cli, old).exists()
    assert "at least 1" in tm_cli("config", "set", "backup.keep_last", "0", code=None).err


def test_doctor_tells_of_unsaved_work_and_of_what_was_left_behind(tm_cli: Cli) -> None:
    tm_cli.add("x")
    assert "ok\tbackups" in tm_cli("doctor").out
    store = sqlite3.connect(tm_cli.folder / ".task-orchestrator/tasks.db")
    store.execute("DROP TRIGGER event_no_update")
    store.execute("UPDATE event SET at = '2020-01-01T00:00:00.000000Z'")
    store.commit()
    left = folder(tm_cli) / ".scratch-old"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    said = tm_cli("doctor").out
    assert "lacks 1 event(s)" in said
    assert "left behind by a process that was killed (tm doctor --fix)" in said
    tm_cli("doctor", "--fix", "--dry-run")
    assert left.exists()
    assert "mended" in tm_cli("doctor", "--fix").out
    assert not left.exists()
    create(tm_cli)
    assert "lacks" not in tm_cli("doctor").out


def test_a_folder_that_cannot_be_written_is_said(tm_cli: Cli) -> None:
    folder(tm_cli).write_text("a file is in the way")
    assert "backups" in tm_cli("backup", "create", code=4).err


def test_off_and_on(tm_cli: Cli) -> None:
    name = create(tm_cli)
    tm_cli("config", "disable", "backup")
    assert "feature 'backup' is disabled" in tm_cli("backup", "list", code=8).err
    tm_cli("config", "enable", "backup")
    assert name in tm_cli("backup", "list").out


def test_without_a_store(tm_environ: Path) -> None:
    for command in ("create", "list", "verify"):
        assert "tm init" in Cli(tm_environ)("backup", command, code=7).err
    assert not (tm_environ / ".task-orchestrator").exists()


def test_two_at_once(tm_open: Callable[..., TaskManager], tm_environ: Path) -> None:
    tm_open().add("x")

    def work() -> None:
        with TaskManager.open(str(tm_environ)) as tm:
            tm.backup_create()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(list((tm_environ / ".task-orchestrator/backups").iterdir())) == 4


def archived(tm_cli: Cli) -> list[Path]:
    """The files of archived events in the store, and what a backup has of them."""
    return sorted((tm_cli.folder / ".task-orchestrator/archive").glob("events-*.zst"))


def kept(tm_cli: Cli) -> list[Path]:
    return sorted((folder(tm_cli) / "archive").iterdir())


def test_archived_events_belong_to_a_backup(tm_cli: Cli) -> None:
    tm_cli.add("x")
    tm_cli("store", "archive", "--before", "now")
    first = create(tm_cli)
    create(tm_cli)
    (copy,) = kept(tm_cli)  # which both backups share
    assert copy.stat().st_mode & 0o077 == 0
    (file,) = archived(tm_cli)
    before = file.read_bytes()
    file.unlink()
    tm_cli("verify", code=5)
    tm_cli("backup", "verify")
    tm_cli("backup", "restore", first)
    assert file.read_bytes() == before
    tm_cli("verify")


def test_a_backup_whose_archived_events_are_nowhere_is_damaged(tm_cli: Cli) -> None:
    tm_cli.add("x")
    tm_cli("store", "archive", "--before", "now")
    name = create(tm_cli)
    for path in (*archived(tm_cli), *kept(tm_cli)):
        path.write_bytes(b"something else")
    assert "are nowhere any more" in tm_cli("backup", "verify", code=4).out
    assert "are nowhere any more" in tm_cli("backup", "restore", name).err
    assert "are not in the backup" in tm_cli("backup", "create").err


def test_another_history_of_the_same_name_is_kept_beside(tm_cli: Cli) -> None:
    """After a restore the same numbers may be archived again, with other events."""
    tm_cli("config", "set", "backup.keep_last", "2")
    tm_cli("config", "set", "backup.keep_days", "0")
    tm_cli.add("one")
    early = create(tm_cli, "--label", "early")
    tm_cli("store", "archive", "--before", "now")
    late = create(tm_cli, "--label", "late")
    (file,) = archived(tm_cli)
    before = file.read_bytes()
    file.write_bytes(b"another history")
    tm_cli("backup", "restore", late)
    assert file.read_bytes() == before
    assert [p.read_bytes() for p in file.parent.glob("*-replaced")] == [b"another history"]
    tm_cli("backup", "restore", early)
    tm_cli("verify")
    create(tm_cli)
    assert len(kept(tm_cli)) == 1, "the state before the last restore still needs it"
    create(tm_cli)
    assert kept(tm_cli) == [], "and goes with the last backup that does"
