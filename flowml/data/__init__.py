"""Bytes → table (Polars): detection, one file per format, canonical types, roles, profile, preview.

Nothing here keeps state. What takes long or meets bytes from outside runs in a child process (`child` starts it,
`tasks` is what it runs), so that no file can hurt the server.
"""
