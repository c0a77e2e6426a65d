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
    each.id, title, description, status, priority, assignee, created_by,
    each.created_at, updated_at, completed_at, success_criteria,
    quality_score AS feedback_quality,
    timeliness_score AS feedback_timeliness,
    notes AS feedback_notes,
    completion_summary, deadline, estimated_hours, actual_hours, context, phase_id
FROM legacy_sql_tasks AS each LEFT JOIN task_feedback ON task_feedback.task_id = each.id;
-- down
DROP VIEW tasks;
CREATE VIEW tasks AS
SELECT
    id, title, description, status, priority, assignee, created_by,
    created_at, updated_at, completed_at, success_criteria,
    NULL AS feedback_quality, NULL AS feedback_timeliness, NULL AS feedback_notes,
    completion_summary, deadline, estimated_hours, actual_hours, context, phase_id
FROM legacy_sql_tasks;
DROP VIEW task_feedback;
