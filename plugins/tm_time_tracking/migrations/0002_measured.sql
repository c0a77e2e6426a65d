-- All that `tm metrics time` reads of a task, without its wide row; written when a task with hours
-- is completed.
CREATE INDEX time_tracking_measured ON task (completed_at, assignee, estimated_hours, actual_hours, status)
    WHERE status = 'completed' AND estimated_hours IS NOT NULL AND actual_hours IS NOT NULL;
