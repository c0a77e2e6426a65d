CREATE TABLE dependencies_edge (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    depends_on TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (task_id, depends_on)
);
CREATE INDEX dependencies_edge_depends_on ON dependencies_edge (depends_on, task_id);

-- Imported edges to tasks that are not here: they block nothing, and become edges when they come.
CREATE TABLE dependencies_awaited (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    depends_on TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (task_id, depends_on)
);
CREATE INDEX dependencies_awaited_depends_on ON dependencies_awaited (depends_on);

-- What `tm ready` pages through. The status is a column as well, so that an engine without
-- statistics finds this index better than that of all statuses.
CREATE INDEX dependencies_ready ON task (status, priority, created_at, id)
    WHERE status = 'pending';
