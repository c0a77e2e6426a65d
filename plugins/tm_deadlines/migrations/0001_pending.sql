-- What can be started, by when it must be done: pages of that come out of this index. The status is
-- a column as well, so that an engine without statistics finds it better than that of all statuses.
CREATE INDEX deadlines_pending ON task (status, priority, deadline, created_at, id)
    WHERE status = 'pending' AND deadline IS NOT NULL;
