"""The loop of one training run."""
