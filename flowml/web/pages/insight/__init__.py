"""Results in depth: parts of the pages of a model and of a run that take a moment, and the rows that it got wrong."""
