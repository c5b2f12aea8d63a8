"""The columns that a model takes, and the check of rows from outside."""
