"""Who calls, what they may, and by which credential and name."""
