"""A model's answers for whole files."""
