CREATE TABLE time_tracking_entry (
    id TEXT PRIMARY KEY NOT NULL,
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    actor TEXT NOT NULL,
    started_at TEXT NOT NULL,
    -- Both empty while the timer runs.
    stopped_at TEXT,
    hours DOUBLE PRECISION
);
CREATE INDEX time_tracking_entry_task_id ON time_tracking_entry (task_id, started_at);
CREATE INDEX time_tracking_entry_running ON time_tracking_entry (actor) WHERE stopped_at IS NULL;
