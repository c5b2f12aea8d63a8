"""The trees of any tree model, boosters' own included, as plain nodes."""
