"""Columns of text that are really something else: numbers, dates, yes and no, missing values."""
