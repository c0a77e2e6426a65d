"""Stores of the earlier tool, made by its own schema, with rows in every table."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

OLDEST = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT, status TEXT DEFAULT 'pending',
    priority TEXT DEFAULT 'medium', assignee TEXT, created_at TEXT, updated_at TEXT,
    completed_at TEXT);
CREATE TABLE dependencies (task_id TEXT, depends_on TEXT, PRIMARY KEY (task_id, depends_on));
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT, task_id TEXT, type TEXT, message TEXT,
    created_at TEXT, read INTEGER DEFAULT 0);
"""
"""Before the Core Loop: no creator, context, phase, criteria, feedback or hours."""

NEWEST = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT, status TEXT DEFAULT 'pending',
    priority TEXT DEFAULT 'medium', assignee TEXT, created_by TEXT NOT NULL DEFAULT 'user',
    created_at TEXT, updated_at TEXT, completed_at TEXT, success_criteria TEXT,
    feedback_quality INTEGER, feedback_timeliness INTEGER, feedback_notes TEXT,
    completion_summary TEXT, deadline TEXT, estimated_hours REAL, actual_hours REAL, context TEXT,
    phase_id TEXT REFERENCES phases(id));
CREATE TABLE dependencies (task_id TEXT, depends_on TEXT, PRIMARY KEY (task_id, depends_on));
CREATE TABLE participants (
    task_id TEXT, agent_id TEXT, joined_at TEXT, PRIMARY KEY (task_id, agent_id));
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT, task_id TEXT, type TEXT, message TEXT,
    created_at TEXT, read INTEGER DEFAULT 0);
CREATE TABLE collaboration_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL, agent_id TEXT NOT NULL,
    event_type TEXT NOT NULL, content TEXT NOT NULL, request_id TEXT, created_at TEXT NOT NULL,
    UNIQUE (task_id, request_id));
CREATE INDEX idx_collab_events_task_seq ON collaboration_events(task_id, seq);
CREATE TABLE phases (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT, status TEXT DEFAULT 'planning',
    parent_phase_id TEXT, created_at TEXT, updated_at TEXT, started_at TEXT, completed_at TEXT);
CREATE TABLE phase_dependencies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, phase_id TEXT, depends_on_phase_id TEXT, created_at TEXT,
    UNIQUE (phase_id, depends_on_phase_id));
CREATE TABLE phase_gates (
    id INTEGER PRIMARY KEY AUTOINCREMENT, phase_id TEXT, gate_type TEXT, criteria TEXT,
    status TEXT DEFAULT 'pending', override_reason TEXT, override_by TEXT, created_at TEXT,
    evaluated_at TEXT);
CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, applied_at TEXT, description TEXT);
CREATE TABLE agents (
    id TEXT PRIMARY KEY, name TEXT, type TEXT, capabilities TEXT, status TEXT, last_heartbeat TEXT,
    registered_at TEXT, metadata TEXT);
CREATE TABLE agent_workload (
    agent_id TEXT PRIMARY KEY, task_count INTEGER, estimated_hours REAL, completed_today INTEGER,
    average_completion_time REAL, current_load_score REAL, last_updated TEXT);
CREATE TABLE agent_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT, metric_type TEXT, metric_value REAL,
    task_id TEXT, recorded_at TEXT, time_window TEXT, metadata TEXT);
CREATE TABLE agent_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, from_agent TEXT, to_agent TEXT, message_type TEXT,
    priority TEXT, content TEXT, status TEXT DEFAULT 'unread', created_at TEXT, read_at TEXT,
    metadata TEXT);
CREATE TABLE agent_task_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT, task_id TEXT, action TEXT, timestamp TEXT,
    duration_minutes INTEGER, metadata TEXT);
CREATE TABLE orchestration (id TEXT PRIMARY KEY, name TEXT, status TEXT);
CREATE TABLE work_items (id TEXT PRIMARY KEY, orchestration_id TEXT, payload BLOB);
"""
"""Version 2.9.2, with the older orchestrator's tables in the same file."""

_CRITERIA = '[{"criterion": "tests pass", "measurable": "tests.failed == 0"}]'
_ROWS: dict[str, list[dict[str, Any]]] = {
    "phases": [
        {
            "id": "ph1",
            "name": "Foundations",
            "status": "completed",
            "created_at": "2025-05-01T09:00:00",
            "updated_at": "2025-05-20T09:00:00",
            "started_at": "2025-05-02T09:00:00",
            "completed_at": "2025-05-20T09:00:00",
        },
        {
            "id": "ph2",
            "name": "Delivery",
            "description": "To the users",
            "status": "active",
            "parent_phase_id": "ph1",
            "created_at": "2025-05-02T09:00:00",
        },
    ],
    "phase_dependencies": [{"phase_id": "ph2", "depends_on_phase_id": "ph1"}],
    "phase_gates": [
        {
            "phase_id": "ph1",
            "gate_type": "approval",
            "criteria": "Ada agrees",
            "status": "overridden",
            "override_reason": "on holiday",
            "override_by": "bea",
            "created_at": "2025-05-03T09:00:00",
            "evaluated_at": "2025-05-19T09:00:00",
        },
        {"phase_id": "gone", "gate_type": "custom", "status": "pending"},
    ],
    "tasks": [
        {
            "id": "aaaa0001",
            "title": "Design the schema",
            "description": "As agreed.\nFiles: src/schema.py:10:20, docs/schema.md\nMeta: db, core",
            "status": "completed",
            "priority": "high",
            "assignee": "ada",
            "created_at": "2025-06-01T10:00:00.123456",
            "updated_at": "2025-06-03T18:00:00",
            "completed_at": "2025-06-03T18:00:00",
            "success_criteria": _CRITERIA,
            "feedback_quality": 5,
            "feedback_timeliness": 4,
            "feedback_notes": "Clean work",
            "completion_summary": "Three tables",
            "deadline": "2025-06-05",
            "estimated_hours": 8.0,
            "actual_hours": 6.5,
            "context": "The billing service needs it",
            "phase_id": "ph1",
        },
        {
            "id": "aaaa0002",
            "title": "Write the migration",
            "status": "blocked",
            "created_at": "2025-06-01T10:05:00",
            "updated_at": "2025-06-01T10:05:00",
            "phase_id": "ph2",
            "success_criteria": '[{"criterion": "all is well", "measurable": "all is well"}]',
        },
        {"id": "aaaa0003", "title": "", "status": "done", "priority": "urgent"},
        {
            "id": "aaaa0004",
            "title": "Completed by update, so without a time",
            "status": "completed",
            "created_at": "2025-06-04T10:00:00",
            "updated_at": "2025-06-05T10:00:00",
            "deadline": "tomorrow",
            "success_criteria": "{not json",
            "feedback_quality": 9,
            "actual_hours": -3,
        },
        {"id": "aaaa0005", "title": "One of a circle", "created_at": "2025-06-06T10:00:00"},
        {"id": "aaaa0006", "title": "The other of it", "created_at": "2025-06-06T10:00:00"},
    ],
    "dependencies": [
        {"task_id": "aaaa0002", "depends_on": "aaaa0001"},
        {"task_id": "aaaa0003", "depends_on": "aaaa0002"},
        {"task_id": "aaaa0003", "depends_on": "deadbeef"},
        {"task_id": "deadbeef", "depends_on": "aaaa0001"},
        {"task_id": "aaaa0004", "depends_on": "aaaa0005"},
        {"task_id": "aaaa0005", "depends_on": "aaaa0006"},
        {"task_id": "aaaa0006", "depends_on": "aaaa0005"},
    ],
    "participants": [
        {"task_id": "aaaa0001", "agent_id": "ada", "joined_at": "2025-06-01T11:00:00"},
        {"task_id": "aaaa0001", "agent_id": "bea", "joined_at": "2025-06-01T12:00:00"},
        {"task_id": "deadbeef", "agent_id": "bea", "joined_at": "2025-06-01T12:00:00"},
    ],
    "notifications": [
        {"task_id": "aaaa0002", "type": "unblocked", "message": "Go", "agent_id": "bea"},
        {"task_id": None, "type": "broadcast", "message": "Hello all"},
    ],
    "collaboration_events": [
        {"event_type": "update", "content": "Half done", "request_id": "r1"},
        {"event_type": "discovery", "content": "It is slow", "request_id": None},
        {"event_type": "sync", "content": "All agree", "request_id": None},
        {"event_type": "progress", "content": "60 %", "request_id": "r4"},
        {"event_type": "other", "content": "A kind of its own", "request_id": None},
    ],
    "schema_migrations": [
        {"version": "001", "applied_at": "2025-05-01", "description": "initial"},
        {"version": "002", "applied_at": "2025-05-01", "description": "core loop"},
    ],
    "agents": [
        {
            "id": "ada",
            "name": "Ada",
            "type": "developer",
            "capabilities": '["python", "sql"]',
            "status": "active",
            "registered_at": "2025-05-01T09:00:00",
        },
        {"id": "old bot", "name": "Old bot", "capabilities": "not json"},
    ],
    "agent_workload": [{"agent_id": "ada", "task_count": 3}],
    "agent_metrics": [
        {"agent_id": "ada", "metric_type": "speed", "metric_value": 1.5, "task_id": "aaaa0001"},
        {"agent_id": "ada", "metric_type": "speed", "metric_value": float("inf")},
    ],
    "agent_messages": [{"from_agent": "ada", "content": "hello", "created_at": "2025-05-01T09:00"}],
    "agent_task_history": [
        {"agent_id": "ada", "task_id": "aaaa0001", "action": "start", "timestamp": "2025-06-02"}
    ],
    "orchestration": [{"id": "o1", "name": "Old", "status": "open"}],
    "work_items": [{"id": "w1", "orchestration_id": "o1", "payload": b"\x00\xff"}],
}
_OLD_ROWS: dict[str, list[dict[str, Any]]] = {
    "tasks": [
        {
            "id": "bbbb0001",
            "title": "From long ago",
            "status": "completed",
            "priority": None,
            "created_at": "2024-01-01T08:00:00",
            "completed_at": "2024-01-02T08:00:00",
        },
        {"id": "bbbb0002", "title": "Still open", "created_at": "2024-01-01T08:00:00"},
    ],
    "dependencies": [{"task_id": "bbbb0002", "depends_on": "bbbb0001"}],
    "notifications": [{"task_id": "bbbb0002", "type": "unblocked", "message": "Go"}],
}
MIDDLE = NEWEST.replace(", description TEXT);\nCREATE TABLE agents", ");\nCREATE TABLE agents")
"""With migrations recorded as step 005 did, without a description; see `_without`."""
SCHEMATA = {"oldest": OLDEST, "middle": MIDDLE, "newest": NEWEST}


def _without(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The same without some tables and columns, which no version in between had all of."""
    found = {name: rows[name] for name in rows if name not in ("participants", "phases")}
    dropped = {"tasks": ("context", "phase_id"), "schema_migrations": ("description",)}
    return {
        name: [{n: v for n, v in row.items() if n not in dropped.get(name, ())} for row in records]
        for name, records in found.items()
    }


ROWS = {"oldest": _OLD_ROWS, "middle": _without(_ROWS), "newest": _ROWS}

Make = Callable[..., Path]


def _fill(connection: sqlite3.Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    for table, records in rows.items():
        for record in records:
            if table == "collaboration_events":
                record = {
                    "task_id": "aaaa0001",
                    "agent_id": "ada",
                    "created_at": "2025-06-02T10:00:00",
                    **record,
                }
            names = ", ".join(record)
            places = ", ".join("?" * len(record))
            connection.execute(
                f"INSERT INTO {table} ({names}) VALUES ({places})", list(record.values())
            )


def _write_files(folder: Path) -> None:
    (folder / "config.yaml").write_text(
        '{"features": {"feedback": false, "telemetry": true, "deadlines": true},'
        ' "minimal_mode": false, "telemetry_enabled": true, "version": "2.3.0"}'
    )
    (folder / "enforcement.json").write_text('{"enforcement_level": "strict"}')
    (folder / "logs").mkdir()
    (folder / "logs" / "errors.log").write_text('{"error": "an old one"}\n')
    (folder / "contexts").mkdir()
    (folder / "contexts" / "shared_aaaa0001.md").write_text("shared")
    notes = folder / "notes"
    notes.mkdir()
    entries = "\n\n---\n2025-06-02T09:00:00\nMind the index\n\n---\n2025-06-02T10:00:00\nAnd it\n"
    (notes / "aaaa0001_ada.md").write_text(entries)
    (notes / "notes_aaaa0002_the_bot.md").write_text("An early note")
    (notes / "deadbeef_ada.md").write_text("Of a task that is gone")
    archives = folder / "archives"
    archives.mkdir()
    with tarfile.open(archives / "task_aaaa0001_20250603_180000.tar.gz", "w:gz") as archive:
        files = {
            "context.json": "{}",
            "notes/aaaa0001_bea.md": "\n\n---\n2025-06-03T10:00:00\nArchived thought\n",
            "notes/aaaa0001_ada.md": entries,
            "notes/../../evil_ada.md": "escape",
        }
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    (archives / "task_broken.tar.gz").write_bytes(b"no archive")


@pytest.fixture
def earlier_tool(tm_environ: Path) -> Make:
    """Makes the earlier tool's folder in the test's folder, or in another one."""

    def make(generation: str = "newest", folder: Path | None = None, *, wal: bool = False) -> Path:
        home = (folder or tm_environ) / ".task-orchestrator"
        home.mkdir(parents=True)
        path = home / "tasks.db"
        schema = SCHEMATA[generation]
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(schema)
            if generation == "middle":
                connection.executescript(
                    "DROP TABLE participants; DROP TABLE phases;"
                    "ALTER TABLE tasks DROP COLUMN phase_id; ALTER TABLE tasks DROP COLUMN context;"
                )
            _fill(connection, ROWS[generation])
            connection.commit()
        if wal:
            _leave_a_log(path)
        if generation == "newest":
            _write_files(home)
        return path

    return make


def _leave_a_log(path: Path) -> None:
    """As a process leaves it that was killed: the last row is in the write-ahead log alone."""
    crashed = path.with_name("crashed.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "INSERT INTO tasks (id, title, created_at)"
            " VALUES ('cccc0001', 'In the log alone', '2025-07-01T10:00:00')"
        )
        connection.commit()
        for end in ("", "-wal"):
            crashed.with_name(crashed.name + end).write_bytes(Path(f"{path}{end}").read_bytes())
    for end in ("", "-wal"):
        crashed.with_name(crashed.name + end).replace(f"{path}{end}")
