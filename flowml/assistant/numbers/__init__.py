"""Whether the numbers of a text are among the figures that it was told: an invented one is found and marked."""
