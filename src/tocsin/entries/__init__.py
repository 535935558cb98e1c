"""Entries: the signed statements in an exchange's log, and who may make which."""
