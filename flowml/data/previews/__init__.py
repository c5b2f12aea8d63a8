"""Pages of a stored table, as it stands, sorted and searched."""
