CREATE TABLE progress_entry (
    id TEXT PRIMARY KEY NOT NULL,
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    -- Orders entries of one instant: those of one transaction.
    seq BIGINT NOT NULL,
    at TEXT NOT NULL,
    author TEXT NOT NULL,
    message TEXT NOT NULL,
    percent BIGINT
);
CREATE INDEX progress_entry_task_id ON progress_entry (task_id, at, seq);
