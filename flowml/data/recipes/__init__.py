"""Recipes: what is done to a table, as data, for whole tables and for single rows alike."""
