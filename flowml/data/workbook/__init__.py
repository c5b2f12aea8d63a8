"""Spreadsheets: what a file may hold, where the table is in a sheet, and the types of its columns."""
