CREATE TABLE success_criteria_confirmation (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    criterion TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    confirmed_at TEXT NOT NULL,
    PRIMARY KEY (task_id, number)
);
