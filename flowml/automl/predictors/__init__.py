"""What fits leave behind. Import `flowml.automl.predictors.base` and call `load` to rebuild one from its state."""
