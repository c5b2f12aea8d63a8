"""Ideas for columns: FlowML's own, and whether one helps, measured with and without it over the same folds."""
