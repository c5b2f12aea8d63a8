"""What is wrong with a table or may be: one file per family of checks, all listed in `findings`."""
