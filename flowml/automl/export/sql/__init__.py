"""A model as one SQL query."""
