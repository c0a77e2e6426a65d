-- Each event names the one before it about the same task: see chain.py.
ALTER TABLE event ADD COLUMN digest TEXT;

-- Events that were taken out of the log into a file, always the oldest ones.
CREATE TABLE event_archive (
    last_seq BIGINT PRIMARY KEY NOT NULL,
    first_seq BIGINT NOT NULL,
    events BIGINT NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    head TEXT NOT NULL,
    at TEXT NOT NULL
);

-- The digest that a task's next event goes on from, where its last one is in an archive. What is
-- about no task has an empty task_id.
CREATE TABLE event_tail (
    task_id TEXT PRIMARY KEY NOT NULL,
    digest TEXT NOT NULL
);

{append_only event past event_archive.last_seq}

-- Undo asks which changes were taken back.
CREATE INDEX event_undone ON event (seq) WHERE type = 'task.undone';

-- down
-- For an earlier version of tm. The chain begins anew when this is applied again.
DROP INDEX event_undone;
{append_only event again}
DROP TABLE event_tail;
DROP TABLE event_archive;
ALTER TABLE event DROP COLUMN digest;
