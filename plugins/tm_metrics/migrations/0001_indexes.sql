-- Partial, so that adding and changing a task costs nothing: only what happens to few events, or at
-- the end of a task, is indexed. The column of the condition is repeated in each, since an index
-- can be read without the wide rows of its table only if it holds every column of the query.
CREATE INDEX metrics_completed ON task (status, completed_at, created_at) WHERE status = 'completed';
CREATE INDEX metrics_completed_id ON task (id, completed_at, status) WHERE status = 'completed';
CREATE INDEX metrics_started ON event (task_id, at, type) WHERE type = 'task.started';
CREATE INDEX metrics_reopened ON event (task_id, at) WHERE type = 'task.reopened';
-- The text comes from the kernel's encoder: a quote within a title is escaped there.
CREATE INDEX metrics_forced ON event (task_id)
    WHERE type = 'task.completed' AND data LIKE '%"forced":%';
CREATE INDEX metrics_validated ON event (task_id)
    WHERE type = 'task.completed' AND data LIKE '%"success-criteria":%';
CREATE INDEX metrics_used ON event (type, at) WHERE type NOT LIKE 'task.%';
