"""Results in depth: what models said of rows that they had not seen, looked at from all sides."""
