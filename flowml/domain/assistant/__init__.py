"""Words of the assistant."""
