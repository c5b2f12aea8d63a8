"""Models that are there at once, whatever the load."""
