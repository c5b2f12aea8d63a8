"""All there is to know about each column: its role, its figures, how its values are spread."""
