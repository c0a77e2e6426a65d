CREATE INDEX metrics_refused ON event (task_id, at, type) WHERE type = 'task.completion_refused';
