"""Where a text table is in its file: what stands above and below it, its names, its first row."""
