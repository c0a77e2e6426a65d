-- The last review of each task stands for the three columns that the earlier tool had.
CREATE VIEW task_feedback AS
SELECT
    task_id,
    quality AS quality_score,
    timeliness AS timeliness_score,
    note AS notes,
    reviewer,
    at AS created_at
FROM feedback_review AS review
WHERE NOT EXISTS (
    SELECT 1 FROM feedback_review AS later
    WHERE later.task_id = review.task_id
        AND (later.at > review.at OR (later.at = review.at AND later.reviewer > review.reviewer))
);
DROP VIEW tasks;
CREATE VIEW tasks AS
SELECT
    id, title, description, status, priority, assignee, created_by,
    created_at, updated_at, completed_at,
    (SELECT success_criteria FROM task WHERE task.id = each.id) AS success_criteria,
    quality_score AS feedback_quality,
    timeliness_score AS feedback_timeliness,
    notes AS feedback_notes,
    (SELECT completion_summary FROM task WHERE task.id = each.id) AS completion_summary,
    (SELECT deadline FROM task WHERE task.id = each.id) AS deadline,
    (SELECT estimated_hours FROM task WHERE task.id = each.id) AS estimated_hours,
    (SELECT actual_hours FROM task WHERE task.id = each.id) AS actual_hours,
    (SELECT context FROM task WHERE task.id = each.id) AS context,
    (SELECT phase FROM task WHERE task.id = each.id) AS phase_id
FROM (
    SELECT task.id, title, description, status, priority, assignee, created_by,
        task.created_at, updated_at, completed_at, quality_score, timeliness_score, notes,
        NULL AS success_criteria, NULL AS completion_summary, NULL AS deadline,
        NULL AS estimated_hours, NULL AS actual_hours, NULL AS context, NULL AS phase
    FROM task LEFT JOIN task_feedback ON task_feedback.task_id = task.id
    WHERE status <> 'deleted'
) AS each;
-- down
DROP VIEW tasks;
DROP VIEW task_feedback;
CREATE VIEW tasks AS
SELECT
    id, title, description, status, priority, assignee, created_by,
    created_at, updated_at, completed_at,
    (SELECT success_criteria FROM task WHERE task.id = each.id) AS success_criteria,
    NULL AS feedback_quality,
    NULL AS feedback_timeliness,
    NULL AS feedback_notes,
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
