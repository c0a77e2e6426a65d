CREATE TABLE signoff_signature (
    task_id TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (task_id, person)
);
