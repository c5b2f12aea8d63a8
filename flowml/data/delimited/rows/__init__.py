"""The rows of a text table: are all whole, those that are not mended, and what their columns hold."""
