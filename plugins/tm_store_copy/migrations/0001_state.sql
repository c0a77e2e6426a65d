-- One row in a store that is, or was, the target of a copy.
CREATE TABLE store_copy_state (
    source TEXT PRIMARY KEY NOT NULL,
    last_seq BIGINT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT
);
