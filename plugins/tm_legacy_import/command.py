"""`tm import-legacy`: from the earlier tool's folder to a store, with an account of every row."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import tempfile
from typing import Any, NamedTuple

import click

from tm_core.api import (
    NotFound,
    Run,
    TmError,
    UsageError,
    current_run,
    dry_run_option,
    write_atomically,
)

from .carrying import carry
from .instants import zone
from .ledger import Ledger
from .notes import Found, Note, read_notes
from .placing import KEPT, MOVED, files_of, put_in_place
from .reading import read_tables
from .recognition import count_tasks
from .snapshot import digests, keep_backup, snapshot
from .views import show, tell_places

FILE = "tasks.db"


class Source(NamedTuple):
    """The earlier tool's folder."""

    folder: str
    files: dict[str, str]
    """The database's files, by the end of their name."""
    in_place: bool
    """The database lies where the store is to be."""


@click.command(
    help="Carry over what the earlier task tool keeps: its tasks and all that belongs to them."
    " FOLDER is its .task-orchestrator, or a .db file; the one that is found here by default."
    "\n\nIts database is backed up, and kept unchanged under another name. Ids and times are"
    " kept. The report accounts for every row of every table."
)
@click.argument("folder", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask, on a terminal")
@dry_run_option
def import_legacy(folder: str | None, yes: bool) -> None:
    """Do it, or show what would be done."""
    run = current_run()
    source = find(run.workspace.url, folder)
    with snapshot(source.files) as whole:
        known = digests(source.files)
        tables = read_tables(whole)
        ledger = Ledger(tables)
        notes = list(read_notes(source.folder, {str(row["id"]) for row in tables["tasks"]}))
        report: dict[str, Any] = {
            "source": source.files[""],
            "dry_run": run.output.dry_run,
            "zone": zone(),
            "original": "",
            "backup": "",
            "kept": "",
            "report": "",
        }
        if source.in_place:
            asks = not yes and sys.stdin.isatty() and sys.stderr.isatty() and not run.output.as_json
            _replace(run, source, whole, known, tables, notes, ledger, report, asks)
            if asks and not run.output.dry_run:
                tell_places(report, run.output)
                return
        else:
            _add(run, source, whole, tables, notes, ledger, report)
    show(report, run.output)


def find(url: str, given: str | None) -> Source:
    """The folder that is meant.

    Raises:
        NotFound: There is none.
        UsageError: There is something else.
    """
    path = os.path.abspath(os.path.expanduser(given)) if given else url
    if os.path.isdir(path):
        inner = os.path.join(path, ".task-orchestrator")
        here = path if os.path.exists(os.path.join(path, FILE)) else inner
        path = os.path.join(here, FILE)
    if not os.path.isfile(path):
        raise NotFound(
            "there is no folder of the earlier task tool" + (f" at {path}" if path else " here"),
            "tm import-legacy FOLDER",
        )
    if count_tasks(path) is None:
        raise UsageError(
            f"{path} is no database of the earlier task tool, or was carried over already",
            "tm import-legacy FOLDER names another",
        )
    in_place = bool(url) and os.path.exists(url) and os.path.samefile(url, path)
    return Source(os.path.dirname(path), files_of(path), in_place)


def _replace(
    run: Run,
    source: Source,
    whole: str,
    known: dict[str, str],
    tables: dict[str, list[dict[str, Any]]],
    notes: list[Found],
    ledger: Ledger,
    report: dict[str, Any],
    asks: bool,
) -> None:
    """Make a store beside the database, and put it in its place once all is in it."""
    given = dict(run.options)
    beside = tempfile.gettempdir() if report["dry_run"] else os.path.join(source.folder, KEPT)
    os.makedirs(beside, mode=0o700, exist_ok=True)
    draft = tempfile.mkdtemp(prefix="draft-", dir=beside)
    installed = run.workspace.host.installed
    usual = [one.name for one in installed if one.manifest is not None and one.manifest.enabled]
    try:
        # Without the project's configuration: what is switched off there is carried over as well,
        # and nobody is told of it as if it had just happened.
        run.options |= {
            "settings": ("minimal_mode=false", f"plugins.only={','.join(usual)}"),
            "dry_run": False,
        }
        manager = run.create(draft, os.path.join(draft, FILE))
        carry(manager, tables, told(notes), report["zone"], ledger)
        takes_notes = "contributions" in manager.host.parts()
        run.forget()
        report |= ledger.as_dict()
        _describe_files(source, notes, report, takes_notes)
        if asks and not report["dry_run"]:
            show({**report, "dry_run": True}, run.output)
            if not click.confirm("Carry them over? The database is kept, unchanged", err=True):
                raise TmError("nothing was changed", "tm import-legacy does it")
        if not report["dry_run"]:
            report["backup"] = keep_backup(whole, source.folder)
            _keep(source.folder, ledger, report)
            report["original"] = put_in_place(os.path.join(draft, FILE), source.files, known)
            _keep(source.folder, ledger, report)
    finally:
        run.forget()
        run.options.clear()
        run.options |= given
        shutil.rmtree(draft, ignore_errors=True)


def _add(
    run: Run,
    source: Source,
    whole: str,
    tables: dict[str, list[dict[str, Any]]],
    notes: list[Found],
    ledger: Ledger,
    report: dict[str, Any],
) -> None:
    """Bring the tasks of another folder into the store that is here."""
    manager = run.manager
    with manager.options(dry_run=report["dry_run"]):
        carry(manager, tables, told(notes), report["zone"], ledger)
    report |= ledger.as_dict()
    _describe_files(source, notes, report, "contributions" in manager.host.parts())
    report["original"] = source.files[""]
    if not report["dry_run"]:
        report["backup"] = keep_backup(whole, run.workspace.folder)
        _keep(run.workspace.folder, ledger, report)


def told(found: list[Found]) -> list[Note]:
    """All notes of all files."""
    return [note for each in found for note in each.notes]


def _describe_files(
    source: Source, notes: list[Found], report: dict[str, Any], takes_notes: bool
) -> None:
    """What became of the files beside the database: none of them is changed."""
    if not takes_notes:
        notes = [each._replace(problem=each.problem or "no feature keeps notes") for each in notes]
    read = [each for each in notes if not each.problem]
    report["notes"] = {
        "files": len(read),
        "entries": len({*told(read)}),
        "left": [{"file": each.path, "why": each.problem} for each in notes if each.problem],
    }
    handled = {"notes", "archives", "backups", KEPT, "config.yaml", ".gitignore", *MOVED}
    names = {os.path.basename(path) for path in source.files.values()}
    companions = {FILE + end for end in ("-shm", "-lock")}
    there = set(os.listdir(source.folder)) - handled - names - companions
    report["left_in_place"] = sorted(there)


def _keep(folder: str, ledger: Ledger, report: dict[str, Any]) -> None:
    """Write what has no place in a store, and the report, into files beside it.

    Those of another import that is there already stay: `kept-2.json` comes after `kept.json`.
    """
    folder = os.path.join(folder, KEPT)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if not report["report"]:
        ends = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        end = next(e for e in ends if not os.path.exists(os.path.join(folder, f"report{e}.json")))
        report["report"] = os.path.join(folder, f"report{end}.json")
        report["kept"] = os.path.join(folder, f"kept{end}.json") if ledger.kept else ""
        if ledger.kept:
            _write(report["kept"], ledger.kept)
    _write(report["report"], report)


def _write(path: str, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    write_atomically(path, text.encode(), mode=0o600, durable=True)
