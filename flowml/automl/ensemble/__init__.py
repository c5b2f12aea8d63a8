"""Several models as one, the best of all, and its fast twin."""
