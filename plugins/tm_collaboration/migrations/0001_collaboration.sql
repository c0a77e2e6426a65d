CREATE TABLE collaboration_participant (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    actor TEXT NOT NULL,
    joined_at TEXT NOT NULL,
    PRIMARY KEY (task_id, actor)
);

CREATE TABLE collaboration_contribution (
    id TEXT PRIMARY KEY NOT NULL,
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    -- Orders contributions of one instant: those of one transaction.
    seq BIGINT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX collaboration_contribution_task_id
    ON collaboration_contribution (task_id, at, seq);
