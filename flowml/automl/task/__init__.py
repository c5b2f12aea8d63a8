"""A table and a column of it as a task: what is predicted, from what, and how models are tested."""
