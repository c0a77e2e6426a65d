"""Finds plugins, reads what they declare, calls them in isolation."""
