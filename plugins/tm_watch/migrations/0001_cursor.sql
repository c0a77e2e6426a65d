-- How far each reader has read. It is no history: written without an event.
CREATE TABLE watch_cursor (
    reader TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);
