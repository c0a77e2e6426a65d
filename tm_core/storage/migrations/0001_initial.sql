CREATE TABLE task (
    id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    assignee TEXT,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    completed_at TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX task_created_at ON task (created_at, id);
CREATE INDEX task_status ON task (status, created_at, id);
CREATE INDEX task_assignee ON task (assignee, created_at, id) WHERE assignee IS NOT NULL;

CREATE TABLE event (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    transaction_id TEXT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    session TEXT NOT NULL,
    type TEXT NOT NULL,
    task_id TEXT,
    data TEXT NOT NULL
);
CREATE INDEX event_task_id ON event (task_id, seq);
CREATE INDEX event_transaction_id ON event (transaction_id);
{append_only event}

CREATE TABLE delivery (
    consumer TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at TEXT,
    error TEXT,
    claimed_until TEXT
);

CREATE TABLE waiting (
    plugin TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE request (
    key TEXT PRIMARY KEY NOT NULL,
    action TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    at TEXT NOT NULL
);
