"""Ideas for columns."""
