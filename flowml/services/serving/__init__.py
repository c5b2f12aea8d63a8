"""Predictions from loaded models: what holds them, how a row is answered, and how long that takes."""
