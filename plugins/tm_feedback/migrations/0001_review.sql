CREATE TABLE feedback_review (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    reviewer TEXT NOT NULL,
    -- Reviews of earlier tools may have a note alone.
    quality BIGINT,
    timeliness BIGINT,
    note TEXT,
    at TEXT NOT NULL,
    amended_at TEXT,
    PRIMARY KEY (task_id, reviewer)
);
