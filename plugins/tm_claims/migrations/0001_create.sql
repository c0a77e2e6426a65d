-- One row for each task that was ever claimed. It stays when the claim ends, for its token, which
-- only grows: by it a holder that woke up too late is known. No `until`: nobody holds the task.
CREATE TABLE claims_lease (
    task_id TEXT PRIMARY KEY NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    token BIGINT NOT NULL,
    holder TEXT,
    session TEXT,
    claimed_at TEXT,
    until TEXT,
    hours DOUBLE PRECISION,
    assignee_before TEXT
);
CREATE INDEX claims_lease_until ON claims_lease (until) WHERE until IS NOT NULL;

CREATE TABLE claims_reservation (
    task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    pattern TEXT NOT NULL,
    reserved_at TEXT NOT NULL,
    reserved_by TEXT NOT NULL,
    PRIMARY KEY (task_id, pattern)
);
