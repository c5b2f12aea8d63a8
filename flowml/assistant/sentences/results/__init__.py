"""The results of a run and of a model in words."""
