"""Logs as tables: which layout the lines have, their fields, the moment and the kind of event of each entry."""
