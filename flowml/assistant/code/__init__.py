"""Code that a language model or a person has written: checked, run in a confined child on a copy of the table, and
compared with the table as it is."""
