"""A table as a file, such that it is read back equal."""
