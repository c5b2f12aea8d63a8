"""A small language for values computed from a row. It is parsed here, and never run as code."""
