CREATE TABLE phases_phase (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    parent TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT
);

CREATE TABLE phases_dependency (
    phase TEXT NOT NULL REFERENCES phases_phase(id) ON DELETE CASCADE,
    depends_on TEXT NOT NULL REFERENCES phases_phase(id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (phase, depends_on)
);

CREATE TABLE phases_gate (
    id TEXT PRIMARY KEY NOT NULL,
    phase TEXT NOT NULL REFERENCES phases_phase(id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    criteria TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    decided_by TEXT,
    created_at TEXT NOT NULL,
    decided_at TEXT
);
CREATE INDEX phases_gate_phase ON phases_gate (phase, created_at);
