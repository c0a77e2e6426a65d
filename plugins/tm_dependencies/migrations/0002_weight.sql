-- How many open tasks wait, over any number of steps, for one that is pending. Derived from edges
-- and tasks, and kept with them, so that the first page of ready work comes out of an index.
-- Stores from before begin with those that wait in one step; tm dependencies recount counts all.
CREATE TABLE dependencies_weight (
    task_id TEXT PRIMARY KEY NOT NULL REFERENCES task(id) ON DELETE CASCADE,
    priority TEXT NOT NULL,
    unblocks INTEGER NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX dependencies_weight_order
    ON dependencies_weight (priority, unblocks DESC, created_at, task_id);
INSERT INTO dependencies_weight (task_id, priority, unblocks, created_at)
SELECT task.id, task.priority, count(*), task.created_at
FROM dependencies_edge AS edge
JOIN task ON task.id = edge.depends_on AND task.status = 'pending'
JOIN task AS dependent ON dependent.id = edge.task_id AND dependent.status = 'blocked'
GROUP BY task.id, task.priority, task.created_at;
