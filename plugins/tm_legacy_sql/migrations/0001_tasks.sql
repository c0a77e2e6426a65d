-- A feature that is not there has no column. In the inner SELECT such a name means the NULL of the
-- same name outside, as names do in SQL; once the feature has made its column, it means the column.
-- So the view needs no change.
CREATE VIEW legacy_sql_tasks AS
SELECT
    id, title, description, status, priority, assignee, created_by,
    created_at, updated_at, completed_at,
    (SELECT success_criteria FROM task WHERE task.id = each.id) AS success_criteria,
    (SELECT completion_summary FROM task WHERE task.id = each.id) AS completion_summary,
    (SELECT deadline FROM task WHERE task.id = each.id) AS deadline,
    (SELECT estimated_hours FROM task WHERE task.id = each.id) AS estimated_hours,
    (SELECT actual_hours FROM task WHERE task.id = each.id) AS actual_hours,
    (SELECT context FROM task WHERE task.id = each.id) AS context,
    (SELECT phase FROM task WHERE task.id = each.id) AS phase_id
FROM (
    SELECT id, title, description, status, priority, assignee, created_by,
        created_at, updated_at, completed_at,
        NULL AS success_criteria, NULL AS completion_summary, NULL AS deadline,
        NULL AS estimated_hours, NULL AS actual_hours, NULL AS context, NULL AS phase
    FROM task WHERE status <> 'deleted'
) AS each;

-- The columns that the earlier tool had, in its order.
CREATE VIEW tasks AS
SELECT
    id, title, description, status, priority, assignee, created_by,
    created_at, updated_at, completed_at, success_criteria,
    NULL AS feedback_quality, NULL AS feedback_timeliness, NULL AS feedback_notes,
    completion_summary, deadline, estimated_hours, actual_hours, context, phase_id
FROM legacy_sql_tasks;
