CREATE VIEW dependencies AS SELECT task_id, depends_on FROM dependencies_edge;
