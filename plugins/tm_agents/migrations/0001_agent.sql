CREATE TABLE agents_agent (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    type TEXT,
    -- A JSON list of strings.
    capabilities TEXT NOT NULL,
    registered_at TEXT NOT NULL
);
