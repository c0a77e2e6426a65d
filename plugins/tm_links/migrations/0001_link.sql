CREATE TABLE links_link (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    waits INTEGER NOT NULL,
    PRIMARY KEY (task_id, target)
);
