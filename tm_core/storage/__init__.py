"""The embedded engine, its schema, and the tables of tasks and events."""
