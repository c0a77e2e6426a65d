"""What can be asked of a store, and each change on its way through the hooks and into the log."""
