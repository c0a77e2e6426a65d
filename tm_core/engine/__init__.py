"""One change on its way through the hooks into the log, and out to the handlers."""
