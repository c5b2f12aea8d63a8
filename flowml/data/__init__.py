"""Bytes → table (Polars): detection, one file per format, canonical types, roles, profile, preview.

Nothing here keeps state. `importer` runs as a child process, so that no file can hurt the server.
"""
