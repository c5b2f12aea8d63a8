"""Who does what next: the store behind the protocols through which conductors and trainers work."""
