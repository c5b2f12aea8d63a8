"""Which lines or rows hold the names of a table's columns, the same for text tables and sheets."""
