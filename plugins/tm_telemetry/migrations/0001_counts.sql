CREATE TABLE telemetry_count (
    day TEXT NOT NULL,
    -- 'command', 'event', or 'captured' through the Python API.
    kind TEXT NOT NULL,
    feature TEXT NOT NULL,
    name TEXT NOT NULL,
    -- 'ok', or the code of an error.
    outcome TEXT NOT NULL,
    -- Of durations: the quarter of a power of two, in milliseconds.
    bucket BIGINT NOT NULL,
    times BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (day, kind, feature, name, outcome, bucket)
);
CREATE TABLE telemetry_mark (
    key TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);
-- Nothing from before the feature was turned on is counted.
INSERT INTO telemetry_mark (key, seq) SELECT 'event', coalesce(max(seq), 0) FROM event;
